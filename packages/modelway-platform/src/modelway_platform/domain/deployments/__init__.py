"""What a Deployment and a Cluster ask for, and how a revision becomes that, phase by phase."""
