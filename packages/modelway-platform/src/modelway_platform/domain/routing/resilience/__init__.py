"""Replicas that fail, hang, are overloaded or seem to be gone: what a Route says of them, and what is believed."""
