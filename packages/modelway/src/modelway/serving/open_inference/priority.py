"""The priority of a request of the protocol: our header or metadata, else the parameter that Triton's clients send."""

from modelway.context import Headers
from modelway.errors import InvalidRequestError
from modelway.serving.batching.ranks import HEADER, HIGHEST, USUAL, read_priority
from modelway.serving.open_inference.tensors import InferJson

PARAMETER = "priority"


def request_priority(request: InferJson, headers: Headers) -> int:
    """0 to 9, higher first.

    Triton's parameter counts the other way round: 1 is the highest, larger ones are lower, 0 is the usual one.

    Raises:
        InvalidRequestError: What is given is none.
    """
    for name, value in reversed(headers):
        if name == HEADER:
            return read_priority(value)
    given = request.parameters.get(PARAMETER, 0)
    if isinstance(given, str) and given.isascii() and given.isdigit():
        given = int(given[:19])
    if not isinstance(given, int) or isinstance(given, bool) or given < 0:
        raise InvalidRequestError(
            f"parameter '{PARAMETER}' is a number: 1 the highest, larger ones lower, 0 the usual one"
        )
    return max(HIGHEST + 1 - given, 0) if given else USUAL
