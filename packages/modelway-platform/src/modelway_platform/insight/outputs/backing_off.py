"""How long to wait before something that failed is tried again."""

MOST_SECONDS = 60.0
MOST_ASKED_SECONDS = 3600.0


def waited(attempt: int, asked: float | None, spread: float) -> float:
    """Seconds until the next try: what the receiver asked for, else twice as long each time, up to a minute.

    Args:
        attempt: How many failed in a row, from 1.
        asked: What the receiver said, if it did.
        spread: From 0 to 1, by chance, so that many platforms do not come back at once.
    """
    if asked is not None:
        return min(max(asked, 0.0), MOST_ASKED_SECONDS)
    return min(MOST_SECONDS, 2.0 ** min(attempt - 1, 10)) * (0.5 + spread / 2)
