"""Replicas as batch jobs of Slurm."""
