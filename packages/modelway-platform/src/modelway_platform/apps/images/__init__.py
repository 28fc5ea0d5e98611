"""`modelway image`: bases, images and what is kept of them."""
