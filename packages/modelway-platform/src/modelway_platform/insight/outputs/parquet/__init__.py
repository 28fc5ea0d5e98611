"""The log store once more, in a bucket or a folder elsewhere: Parquet by project, date and hour, each record once."""
