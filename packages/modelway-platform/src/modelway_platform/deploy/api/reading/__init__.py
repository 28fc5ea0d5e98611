"""What callers send, read strictly: documents, packages, points in time."""
