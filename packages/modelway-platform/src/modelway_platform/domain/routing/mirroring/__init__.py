"""Copies of requests to other versions, and how their answers are compared."""
