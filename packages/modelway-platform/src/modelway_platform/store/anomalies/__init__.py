"""Incidents, and what is watched of whom."""
