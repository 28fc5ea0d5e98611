"""How much a caller, a route or a replica may have at once or for a while."""
