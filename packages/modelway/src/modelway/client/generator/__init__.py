"""A signature becomes a small, typed Python package with which others call the model."""

from modelway.client.generator.package_files import Described, package_files

__all__ = ["Described", "package_files"]
