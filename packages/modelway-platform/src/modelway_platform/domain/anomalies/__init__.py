"""What is usual of a model, and what of its last minutes is not."""
