"""Modelway's model server and its peers under the same models, in turn; `make bench-serving`."""
