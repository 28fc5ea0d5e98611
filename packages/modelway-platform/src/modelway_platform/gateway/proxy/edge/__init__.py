"""Where connections come in: certificates, and what happens before there is a request."""
