"""What an access record says of the version that answered: whose choice it was, whether it failed, whether its time counts."""

from modelway_platform.insight.access_segments import AccessRecord

LEFT = 499


def chosen_by_caller(record: AccessRecord, prefix: str) -> bool:
    """Whether the caller chose the version: by its own URL, by an alias, or through a URL published for it.

    Args:
        record: Of the request.
        prefix: `/project/model/version/`, for records of before there was a reason in them.
    """
    if record.reason:
        return any(word == "pinned" or word.startswith("alias:") for word in record.reason.split(" "))
    return record.path.startswith(prefix)


def failed(record: AccessRecord) -> bool:
    """Whether it is an error of the version's."""
    return record.status >= 500


def duration_of(record: AccessRecord) -> float | None:
    """Microseconds it took; None where that says nothing about the version.

    An error or a refusal is quick or slow for reasons of its own. Somebody who left had waited at least so long. How long a
    WebSocket (101) stays open says nothing about the model.
    """
    return record.duration_us if 200 <= record.status < 400 or record.status == LEFT else None
