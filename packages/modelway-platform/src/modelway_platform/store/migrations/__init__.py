"""Steps from one shape of the database to the next, in order; run at start, shipped with the package."""
