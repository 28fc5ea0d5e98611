"""The API over REST and gRPC, both made of the schema's descriptors."""
