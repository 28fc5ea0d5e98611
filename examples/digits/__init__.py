"""Two versions of a classifier of handwritten digits, and the demo that walks them through the whole platform."""
