"""Runs the handlers of TorchServe archives unchanged, without TorchServe."""

from modelway.adapters.torchserve.archive import ModelArchive

__all__ = ["ModelArchive"]
