"""The `modelway` command, one module per verb."""
