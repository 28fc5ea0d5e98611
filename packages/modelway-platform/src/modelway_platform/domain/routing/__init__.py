"""What a Route says: which version and which replica a request goes to, by which addresses, copied where, kept how."""
