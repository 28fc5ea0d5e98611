"""Registries of images: names in them, who is asking, what they offer, images sent there."""
