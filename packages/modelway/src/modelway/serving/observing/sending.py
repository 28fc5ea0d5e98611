"""Sends a model server's inference log to a platform that cannot read its folder: from the first worker to after the last one."""

import os
import re
import secrets
import socket
from contextlib import suppress
from pathlib import Path

from modelway.client.http_client import HttpClient, Timeouts
from modelway.client.record_receiver import RecordReceiver
from modelway.serving.events import Events
from modelway.serving.log_settings import SendingSettings
from modelway.serving.observing.collected import MARKS_NAME, lines_left
from modelway.serving.observing.shipper import Shipper
from modelway.serving.observing.shipping import Shipping

ORIGIN_NAME = "origin"
"""The file beside the segments that says what their sender is called, so that it is the same after a restart."""
_SILENCE_SECONDS = 10.0
_LONGEST_NAME = 80
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]|^[^A-Za-z0-9]")


class Sending:
    """Goes on until closed, in a thread of its own; no request waits for it.

    Args:
        folder: Where the segments are.
        settings: Where they go.
        replica: Who this is; may be empty.
        events: Is told when sending begins to fail, when it works again, and what could not be sent in the end.

    Raises:
        InvalidRequestError: The address cannot be used.
    """

    def __init__(self, folder: Path, settings: SendingSettings, replica: str, events: Events) -> None:
        self._folder = folder
        self._events = events
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        # From the first moment on, so that what has to be deleted before anybody was reached is counted, too.
        (folder / MARKS_NAME).touch()
        headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}
        http = HttpClient(settings.url, headers=headers, timeouts=Timeouts(silence=_SILENCE_SECONDS))
        receiver = RecordReceiver(http, "inference", origin_of(folder, replica))
        self._shipping = Shipping(Shipper(folder, receiver), self._say)

    def close(self, seconds: float) -> int:
        """Sends the rest, for at most so long, once nobody writes any more; how many records could not be sent."""
        self._shipping.close(seconds, last=True)
        left = lines_left(self._folder)
        if left:
            self._events.emit("records_not_sent", records=left, hint="they are still in the folder of the log")
        return left

    def _say(self, text: str) -> None:
        self._events.emit("sending_records", message=text)


def origin_of(folder: Path, replica: str) -> str:
    """What the sender of a folder's segments is called; made once, told from any other of its name."""
    path = folder / ORIGIN_NAME
    with suppress(OSError, UnicodeDecodeError):
        if kept := path.read_text(encoding="ascii").strip():
            return kept
    named = _NO_NAME.sub("-", replica or socket.gethostname())[:_LONGEST_NAME].lstrip("-") or "replica"
    made = f"{named}-{secrets.token_hex(6)}"
    unfinished = path.with_name(f".{ORIGIN_NAME}.{os.getpid()}")
    unfinished.write_text(f"{made}\n", encoding="ascii")
    unfinished.replace(path)
    return made
