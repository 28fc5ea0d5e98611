"""Which version and which replica a request goes to: exact shares, shares that stay with a caller, experiments."""
