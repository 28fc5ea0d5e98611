"""Stands in for `ts.context`, for handlers that name its class."""

from modelway.adapters.torchserve.context import ServeContext as Context

__all__ = ["Context"]
