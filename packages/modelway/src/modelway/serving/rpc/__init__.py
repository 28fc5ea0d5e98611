"""The Open Inference Protocol over gRPC, with health and reflection: the same dispatch as over REST (docs/decisions)."""
