"""Declared against observed: what to do next, what to tell people, and the loop that does it."""
