"""What is remembered of single requests: the inference log and traces. Nothing of it runs unless asked for."""
