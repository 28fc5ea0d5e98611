"""What is known of the platform as the JSON objects that the API answers with."""
