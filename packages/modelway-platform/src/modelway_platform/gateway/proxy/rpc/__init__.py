"""gRPC through the gateway: any method, by metadata, under the decisions of every other request."""
