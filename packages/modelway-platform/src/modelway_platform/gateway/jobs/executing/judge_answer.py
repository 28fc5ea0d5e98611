"""What an answer means for its job: a result, another try, or nobody there to ask."""

from enum import Enum

# Somebody executed it and failed, perhaps by chance.
_FAILED_TRY = frozenset({408, 500, 502, 504, 507})
# Nobody executed it. 401: the gateway does not know our pass, which is a fault of the platform and never of the job.
_NOT_TRIED = frozenset({401, 429, 503})


class Meaning(Enum):
    """What to do next."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TRY_AGAIN = "try again"
    WAIT = "wait"


def meaning_of(status: int) -> Meaning:
    """Of a final HTTP status.

    An answer that says what is wrong with the request is its result: asking again would not change it.
    """
    if status in _NOT_TRIED:
        return Meaning.WAIT
    if status in _FAILED_TRY:
        return Meaning.TRY_AGAIN
    return Meaning.SUCCEEDED if 200 <= status < 300 else Meaning.FAILED
