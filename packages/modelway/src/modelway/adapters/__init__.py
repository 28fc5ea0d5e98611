"""Runs models that were written for other servers inside handlers; what `modelway import` generates stands on it."""
