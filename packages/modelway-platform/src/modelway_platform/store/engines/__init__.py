"""What `Database` needs of an engine: SQLite and PostgreSQL, each with its ways to fail."""
