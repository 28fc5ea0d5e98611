"""Inputs that the model failed on, kept as a bounded sample of files for whoever mends the model. Nothing of it runs unless asked for."""
