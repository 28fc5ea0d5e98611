"""What a model server counts, in memory that its workers share, and the Prometheus text of it."""
