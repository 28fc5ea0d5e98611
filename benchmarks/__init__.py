"""Figures against the peers, and of our own promises; each prints one JSON object as its last line."""
