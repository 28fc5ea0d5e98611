"""Write one handler class; package it; serve it with the code that runs in production."""

from modelway.context import Context
from modelway.errors import (
    HandlerError,
    InvalidInputError,
    InvalidRequestError,
    ModelwayError,
    StepError,
)
from modelway.handler import Handler, Shape, cost, inference, postprocess, preprocess
from modelway.pipeline import Pipeline, RemoteStep, Step, together

__all__ = [
    "Context",
    "Handler",
    "HandlerError",
    "InvalidInputError",
    "InvalidRequestError",
    "ModelwayError",
    "Pipeline",
    "RemoteStep",
    "Shape",
    "Step",
    "StepError",
    "cost",
    "inference",
    "postprocess",
    "preprocess",
    "together",
]
