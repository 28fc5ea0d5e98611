"""Replicas as pods of Kubernetes, with the objects around them."""
