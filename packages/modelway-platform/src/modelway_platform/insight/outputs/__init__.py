"""Collected records and metrics, sent on to those who have their own platform: in order, nothing lost, by a process of its own."""
