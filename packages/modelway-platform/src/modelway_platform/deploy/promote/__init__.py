"""Moves deployments from stage to stage: gathers what the gates ask for, and carries out what they let pass."""
