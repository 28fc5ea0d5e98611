"""Cuts spans of a text out of the pieces that it comes in."""

from collections.abc import Sequence


def cut(texts: Sequence[str], spans: Sequence[tuple[int, int]], instead: str) -> list[str]:
    """The texts without what lies in `spans` of all of them together; `instead` stands where one begins.

    Args:
        texts: In order.
        spans: Begin and end, in order, none over another.
        instead: Put there.
    """
    found: list[str] = []
    start, place = 0, 0
    for text in texts:
        end, at = start + len(text), start
        kept: list[str] = []
        while place < len(spans) and spans[place][0] < end:
            low, high = spans[place]
            if low >= start:
                kept += (text[at - start : low - start], instead)
            at = max(at, min(high, end))
            if high > end:
                break
            place += 1
        kept.append(text[at - start :])
        found.append("".join(kept))
        start = end
    return found
