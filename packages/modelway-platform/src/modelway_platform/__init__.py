"""What platform engineers run: control, deployment, discovery and the gateway."""
