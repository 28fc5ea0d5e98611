"""A declared deployment becomes running replicas (DPLO)."""
