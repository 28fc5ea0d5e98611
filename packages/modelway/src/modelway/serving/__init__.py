"""A package becomes a process that answers."""
