"""Which route a request is for, by its path or a published URL, and which version by who asks."""
