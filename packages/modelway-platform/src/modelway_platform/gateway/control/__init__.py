"""Off the request path: documents and endpoints become the route table."""
