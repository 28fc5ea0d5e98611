"""Who is told of anomalies, and what sends to them, as a port."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


class RefusedError(Exception):
    """The address may not be called, now or ever."""


Post = Callable[[str, bytes, Mapping[str, str]], int]
"""Sends to a URL; the receiver's status, 0 for none. Raises `RefusedError`."""
Sign = Callable[[str, bytes], Mapping[str, str]]
"""Headers that prove who sent a message, by its name and body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receivers:
    """Who is told; an empty address stands for nobody.

    Args:
        webhook: A URL.
        alertmanager: Base URL of an Alertmanager.
        console: Base URL of the console, for links.
    """

    webhook: str = ""
    alertmanager: str = ""
    console: str = ""
