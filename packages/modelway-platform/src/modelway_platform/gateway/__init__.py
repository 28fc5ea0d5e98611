"""One address for all models (AIGW)."""
