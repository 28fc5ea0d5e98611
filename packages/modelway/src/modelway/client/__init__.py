"""Calls a deployed model, and the platform."""
