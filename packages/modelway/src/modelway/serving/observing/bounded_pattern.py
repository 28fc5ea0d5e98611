"""Regular expressions whose search takes no longer than so many steps per character, whatever the text: worked out before they are used.

Python's own engine tries every way a pattern can match. Patterns here may not repeat without end, look around or refer back, so
the ways from one place in a text are a number, and a search is linear in the text. https://docs.python.org/3/library/re.html
"""

import re
from dataclasses import dataclass

LONGEST_PATTERN = 200
MOST_STEPS = 16_000_000
"""Of all patterns over the longest text: some tenths of a second of a text that is made for it, far less of others."""
_MOST_REPEATS = 1000
_CAP = 1 << 60
_COUNTS = re.compile(r"\{(?:([0-9]{1,4})|([0-9]{0,4}),([0-9]{1,4}))\}")
_LETTERS = frozenset("dDwWsSbBtnr")
_SAMPLES = (*map(chr, range(128)), "\u00e9", "\u4e2d", "\u0663", "\u2028", "\U0001f600")


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a pattern: in how many ways it matches at one place, in how many steps all of them are tried.

    `first` are the samples that it can begin with, where it is known to begin with one; `repeats` is whether it is one
    character, several times.
    """

    ways: int
    steps: int
    first: frozenset[str] | None = None
    repeats: bool = False


def steps_of(pattern: str) -> int:
    """Steps per character of a text, at most.

    Raises:
        ValueError: It is no pattern, or one without bounds; the message says where.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"longer than {LONGEST_PATTERN} characters")
    reader = _Reader(pattern)
    found = reader.alternatives()
    if reader.place < len(pattern):
        raise ValueError(f"a ) without its ( at {reader.place}")
    try:
        re.compile(pattern)
    except (re.error, OverflowError) as error:
        raise ValueError(str(error)) from None
    return max(found.steps, 1)


def _apart(one: frozenset[str] | None, other: frozenset[str] | None) -> bool:
    """Whether both are known, and no character is in both."""
    return one is not None and other is not None and not one & other


class _Reader:
    """Reads one pattern from the left."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._flags = re.IGNORECASE if pattern.startswith("(?i)") else re.NOFLAG
        self.place = 4 if self._flags else 0

    def alternatives(self) -> _Part:
        """Up to the end, or the group's."""
        ways = steps = 0
        while True:
            found = self._sequence()
            ways, steps = ways + found.ways, steps + found.steps
            if not self._takes("|"):
                return _Part(min(ways, _CAP), min(steps + 1, _CAP))

    def _sequence(self) -> _Part:
        parts: list[_Part] = []
        while self.place < len(self._pattern) and self._pattern[self.place] not in "|)":
            parts.append(self._repeated())
        ways, steps = 1, 0
        for index, part in enumerate(parts):
            steps += ways * part.steps
            after = parts[index + 1] if index + 1 < len(parts) else None
            if part.repeats and after is not None and _apart(part.first, after.first):
                steps += ways * part.ways  # of all the places where it may end, what follows fits one at most
            else:
                ways *= part.ways
            ways, steps = min(ways, _CAP), min(steps, _CAP)
        return _Part(ways, steps)

    def _repeated(self) -> _Part:
        began = self.place
        atom = self._atom()
        least, most = self._counts()
        if self._takes("?") and (least, most) == (1, 1):
            least, most = 0, 1
        if self._takes("+") or self._takes("*") or self._takes("?"):
            raise ValueError(
                f"what repeats at {began} has no bound: write {{1,64}} instead of + and {{0,64}} instead of *"
            )
        ways, steps, power = 0, 0, 1
        for count in range(most + 1):
            ways += power if count >= least else 0
            steps += power * atom.steps if count < most else 0
            power = min(power * atom.ways, _CAP)
        first = atom.first if least else None
        return _Part(min(ways, _CAP), min(steps, _CAP), first, repeats=atom.first is not None and most > 1)

    def _counts(self) -> tuple[int, int]:
        if self.place >= len(self._pattern) or self._pattern[self.place] != "{":
            return (1, 1)
        found = _COUNTS.match(self._pattern, self.place)
        if found is None:
            raise ValueError(
                f"a {{ at {self.place} that bounds nothing: write {{m}}, {{m,n}}, or \\{{ for the character"
            )
        self.place = found.end()
        least, most = (int(found[1]), int(found[1])) if found[1] else (int(found[2] or 0), int(found[3]))
        if least > most or most > _MOST_REPEATS:
            raise ValueError(f"{found[0]}: at most {_MOST_REPEATS} times, the smaller number first")
        self._takes("?")  # as few as possible: the same ways in another order
        return (least, most)

    def _atom(self) -> _Part:
        began, sign = self.place, self._pattern[self.place]
        self.place += 1
        if sign == "(":
            return self._group(began)
        if sign in "*+?{":
            raise ValueError(f"{sign} at {began} repeats nothing: write \\{sign} for the character")
        if sign == "[":
            self._class(began)
        elif sign == "\\":
            self._escape(began)
        text = self._pattern[began : self.place]
        if sign in "^$" or text in {r"\b", r"\B"}:
            return _Part(1, 1)
        return _Part(1, 1, self._samples(text))

    def _group(self, began: int) -> _Part:
        if self._pattern.startswith("?:", self.place):
            self.place += 2
        elif self._pattern.startswith("?", self.place):
            raise ValueError(f"a group at {began} that looks around, has a name or options: only ( and (?: are taken")
        found = self.alternatives()
        if not self._takes(")"):
            raise ValueError(f"a ( at {began} without its )")
        return found

    def _class(self, began: int) -> None:
        self._takes("^")
        self._takes("]")
        while self.place < len(self._pattern) and self._pattern[self.place] != "]":
            self.place += 2 if self._pattern[self.place] == "\\" else 1
        if not self._takes("]"):
            raise ValueError(f"a [ at {began} without its ]")

    def _escape(self, began: int) -> None:
        letter = self._pattern[self.place : self.place + 1]
        if not letter or (letter.isalnum() and letter not in _LETTERS):
            raise ValueError(f"an escape at {began} that is not taken: {', '.join(sorted(_LETTERS))} and signs are")
        self.place += 1

    def _samples(self, text: str) -> frozenset[str] | None:
        if not text.isascii():
            return None
        try:
            compiled = re.compile(text, self._flags)
        except re.error as error:
            raise ValueError(str(error)) from None
        return frozenset(each for each in _SAMPLES if compiled.fullmatch(each))

    def _takes(self, sign: str) -> bool:
        there = self._pattern.startswith(sign, self.place)
        self.place += len(sign) if there else 0
        return there
