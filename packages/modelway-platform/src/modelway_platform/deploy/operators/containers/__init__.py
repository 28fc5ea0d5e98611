"""Replicas as containers of Docker or Podman, which control leads to readiness itself."""
