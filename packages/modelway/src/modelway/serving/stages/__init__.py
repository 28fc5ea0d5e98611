"""The way of a request through a handler's stages, and of its answer back."""
