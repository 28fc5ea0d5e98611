"""Addresses the platform listens at: which, and with which certificates."""
