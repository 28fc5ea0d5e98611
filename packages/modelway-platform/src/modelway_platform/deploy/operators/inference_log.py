"""The folder of a replica's inference log, beside its other files; the collector looks for it there."""

INFERENCE_LOG_NAME = "inference"
