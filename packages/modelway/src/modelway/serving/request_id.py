"""Ids of requests: a caller's own where it is fit for a header and a log, one of ours otherwise."""

import os
import re
from itertools import count

_FIT = re.compile(rb"[\x21-\x7e]{1,128}")


class RequestIds:
    """Makes ids that no other process makes: a random part per process, then a number."""

    __slots__ = ("_next", "_prefix")

    def __init__(self) -> None:
        self._prefix = os.urandom(10).hex().encode() + b"-"
        self._next = count(1).__next__

    def choose(self, given: bytes | None) -> bytes:
        """`given` if it is 1 to 128 visible ASCII characters, else a new one."""
        if given is not None and _FIT.fullmatch(given):
            return given
        return b"%b%x" % (self._prefix, self._next())
