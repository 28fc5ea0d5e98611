"""Base images by framework and device: defined in a file, locked to the wheel, built, and chosen for a package by its lock."""
