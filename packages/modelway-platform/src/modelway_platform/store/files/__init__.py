"""What is kept in files beside the database: packages, the route table, segments of records, words of workers."""
