"""WebSocket connections through the gateway."""
