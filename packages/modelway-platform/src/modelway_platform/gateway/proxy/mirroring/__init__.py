"""Copies of requests: sent behind the caller's back, compared, recorded, thrown away."""
