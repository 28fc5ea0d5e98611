"""Packages that nobody uploads: fetched from the stores that documents name, as far as this platform may read them."""
