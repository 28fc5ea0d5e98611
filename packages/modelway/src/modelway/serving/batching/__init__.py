"""Requests wait and go to the model together: when, how many, who first."""
