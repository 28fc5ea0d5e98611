"""What people write, read strictly: nodes with their places, fields, lengths of time, places in JSON, problems in words."""
