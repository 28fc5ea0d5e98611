"""OTLP, the OpenTelemetry protocol, over HTTP and gRPC: records as log records, Prometheus text as metrics."""
