"""A handler class and its files become one immutable archive."""
