"""Write one handler class; package it; serve it with the code that runs in production."""

from modelway.context import Context
from modelway.errors import (
    HandlerError,
    InvalidInputError,
    InvalidRequestError,
    ModelwayError,
)
from modelway.handler import Handler, Shape, inference, postprocess, preprocess

__all__ = [
    "Context",
    "Handler",
    "HandlerError",
    "InvalidInputError",
    "InvalidRequestError",
    "ModelwayError",
    "Shape",
    "inference",
    "postprocess",
    "preprocess",
]
