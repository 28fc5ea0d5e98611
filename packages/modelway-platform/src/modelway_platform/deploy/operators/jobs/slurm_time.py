"""When a job's time is so near its end that another has to be started in its place."""

import time


def ends_soon(start: float, end: float, now: float, before: float) -> str:
    """Half a sentence once it is time, else nothing.

    Args:
        start: When the job started, in seconds of Unix time; 0 if it has not.
        end: When its time is over; 0 if never.
        now: The time.
        before: Seconds before the end; never more than half of what there is, so that a partition with a short
            limit does not have its jobs replaced all the time.
    """
    if not start or not end or now < end - min(before, (end - start) / 2):
        return ""
    return f"its time ends at {time.strftime('%H:%M:%S', time.localtime(end))}"
