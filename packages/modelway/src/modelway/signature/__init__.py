"""What a handler takes and answers, read off its type hints; checks every request against it."""

from modelway.signature.bind import BoundHandler, EndpointBinding, bind, signature_of
from modelway.signature.schema import example_of
from modelway.signature.values import EndpointSignature, Field, Signature

__all__ = [
    "BoundHandler",
    "EndpointBinding",
    "EndpointSignature",
    "Field",
    "Signature",
    "bind",
    "example_of",
    "signature_of",
]
