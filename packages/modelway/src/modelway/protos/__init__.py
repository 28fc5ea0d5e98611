"""What goes over gRPC, generated from proto/."""
