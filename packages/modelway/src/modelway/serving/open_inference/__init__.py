"""The Open Inference Protocol, version 2, over REST: the same dispatch as our own endpoints, one row per item."""
