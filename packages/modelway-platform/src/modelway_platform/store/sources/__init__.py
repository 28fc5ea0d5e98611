"""Git repositories that say what is declared, and commits that are owed to them."""
