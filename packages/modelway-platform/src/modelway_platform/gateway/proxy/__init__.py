"""The request path: from a caller's connection to a replica's and back."""
