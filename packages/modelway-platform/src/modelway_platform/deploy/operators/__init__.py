"""Clusters a replica can run on, each behind the same port."""
