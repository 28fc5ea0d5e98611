"""Where a replica makes itself known."""
