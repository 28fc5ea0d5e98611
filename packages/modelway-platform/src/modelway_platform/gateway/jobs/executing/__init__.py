"""Jobs that are due, executed through the gateway: which, how many at once, and what the answers mean."""
