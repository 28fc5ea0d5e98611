"""Replicas as a worker has them: connections, turns, health, TLS, and what is said of those that fail."""
