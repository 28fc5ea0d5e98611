"""Heads of requests and answers: read, refused, passed on without what concerns neighbours only."""
