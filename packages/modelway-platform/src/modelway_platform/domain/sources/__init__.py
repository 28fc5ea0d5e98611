"""Git repositories that say what is declared."""
