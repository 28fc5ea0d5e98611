"""From a Cluster document to its operator and what makes packages startable there."""
