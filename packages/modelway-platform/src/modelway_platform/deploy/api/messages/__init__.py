"""Messages of the schema from JSON, REST requests and gRPC, and what the schema says of each method."""
