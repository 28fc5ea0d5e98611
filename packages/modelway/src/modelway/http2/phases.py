"""How far a connection is."""

from typing import Final

PREFACE: Final = 0  # nothing came yet, or not all of the preface
OPEN: Final = 1
LINGER: Final = 2  # our side is ended; what arrives is dropped
CLOSED: Final = 3
