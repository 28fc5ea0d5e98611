"""gRPC's calls over our HTTP/2 engine, whatever their methods: under the model server and under the gateway (docs/decisions/0046)."""
