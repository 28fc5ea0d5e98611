"""Base images: opened wherever they are, or made by framework and device from a locked definition, and chosen for a package by its lock."""
