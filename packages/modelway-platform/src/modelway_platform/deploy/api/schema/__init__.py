"""The control API as proto/modelway/v1 defines it: messages, services and the comments on them."""
