"""Layers of an image: the same bytes from the same inputs, remembered, and removed when nobody uses them."""
