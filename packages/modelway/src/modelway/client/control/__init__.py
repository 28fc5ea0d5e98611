"""The control API as Python calls, a client per resource; `modelway.client.ControlClient` is all of them."""
