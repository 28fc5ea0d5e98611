"""What must survive: documents, revisions, replicas and keys in a database; packages and route tables in files."""
