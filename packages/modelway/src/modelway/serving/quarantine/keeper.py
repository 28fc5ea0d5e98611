"""Takes failed inputs of one worker and has a thread write them: whoever fails, and whoever waits behind, never waits for a disk."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from queue import Full, Queue
from typing import Any, NamedTuple, Protocol
from zlib import crc32

import msgspec

from modelway.errors import HandlerError, ModelCrashedError, ModelwayError
from modelway.serving.item import Item
from modelway.serving.observing.redaction import NotPlainError, Redaction
from modelway.serving.quarantine.samples import (
    SUFFIX,
    Sample,
    Why,
    remove_unfinished,
    sample_files,
    surplus,
    write_sample,
)
from modelway.serving.quarantine_settings import QuarantineSettings
from modelway.serving.stages.answering import encode_foreign
from modelway.serving.stages.stages import SINGLED_OUT
from modelway.signature import Signature
from modelway.signature.unread import Unread

MOST_SAMPLE_BYTES = 1024 * 1024
"""Of a larger input only its size is kept."""
AT_ONCE = 20
"""So many of one kind of failure are taken in a row, then one per `PAUSE_SECONDS`: a broken model fails on everything."""
PAUSE_SECONDS = 30.0
_MOST_WAITING = 16
_MOST_KINDS = 1000
_MOST_REASON = 500
_ABANDONED_SECONDS = 60.0


class Tally(Protocol):
    """Where is counted what became of samples; called on any thread."""

    def quarantined(self, count: int, /) -> None: ...
    def not_quarantined(self, count: int, /) -> None: ...


class _Taken(NamedTuple):
    at: float
    endpoint: str
    given: Any
    request_id: str
    error: ModelwayError
    why: Why
    kind: str


class Quarantine:
    """What one worker keeps.

    Args:
        settings: Where, and how much.
        signature: The names of each endpoint's fields.
        model: Whose inputs they are.
        replica: Its id; may be empty.
        tally: Counts samples.
        failed: Told on the thread what went wrong with writing.
    """

    def __init__(
        self,
        settings: QuarantineSettings,
        signature: Signature,
        model: str,
        replica: str,
        *,
        tally: Tally,
        failed: Callable[[OSError], None],
    ) -> None:
        self._settings = settings
        self._folder = Path(settings.folder)
        self._fields: Mapping[str, tuple[str, ...]] = {
            each.name: tuple(field.name for field in each.inputs) for each in signature.endpoints
        }
        self._model = model
        self._replica = replica
        self._tally = tally
        self._failed = failed
        self._failing = False
        self._redaction = Redaction(settings.redacted_names, settings.redacted_patterns)
        self._encode = msgspec.json.Encoder(enc_hook=_encode).encode
        self._allowed: dict[str, tuple[float, float]] = {}
        self._waiting: Queue[_Taken | None] = Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._work, name="quarantine", daemon=True)
        self._thread.start()

    def take(self, endpoint: str, item: Item, error: ModelwayError) -> None:
        """Keep an input, if there are not enough like it; never waits."""
        why = _why(error)
        kind = f"{crc32(f'{endpoint} {why} {_name_of(error)}'.encode()):08x}"
        now = time.time()
        if not self._may(kind, now):
            return
        given = getattr(item, "given", None)
        if size_of(given) > MOST_SAMPLE_BYTES:
            given = size_of(given)  # what is too long goes no further: it would be held in memory
        try:
            self._waiting.put_nowait(_Taken(now, endpoint, given, item.request_id, error, why, kind))
        except Full:
            self._tally.not_quarantined(1)

    def close(self, seconds: float = 2.0) -> None:
        """Write what was taken, for at most so long."""
        with suppress(Full):
            self._waiting.put(None, timeout=seconds)
        self._thread.join(seconds)

    def _may(self, kind: str, now: float) -> bool:
        """A bucket of tokens for each kind."""
        tokens, at = self._allowed.get(kind, (float(AT_ONCE), now))
        tokens = min(tokens + max(now - at, 0.0) / PAUSE_SECONDS, float(AT_ONCE))
        if len(self._allowed) >= _MOST_KINDS and kind not in self._allowed:
            self._allowed.clear()
        self._allowed[kind] = (tokens - 1.0 if tokens >= 1.0 else tokens, now)
        return tokens >= 1.0

    # On the thread

    def _work(self) -> None:
        remove_unfinished(self._folder, before=time.time() - _ABANDONED_SECONDS)
        while (taken := self._waiting.get()) is not None:
            try:
                data = msgspec.json.encode(self._sample(taken))
                write_sample(self._folder, f"{int(taken.at * 1e6):016d}-{taken.kind}-{os.getpid()}{SUFFIX}", data)
                self._prune()
            except OSError as error:
                self._tally.not_quarantined(1)
                if not self._failing:  # said once until it works again
                    self._failed(error)
                self._failing = True
            except Exception:  # noqa: BLE001 - whatever an input is made of, the next one is written
                self._tally.not_quarantined(1)
            else:
                self._failing = False
                self._tally.quarantined(1)
            del taken

    def _sample(self, taken: _Taken) -> Sample:
        request, redacted, omitted = self._request(taken)
        cause = taken.error.__cause__
        return Sample(
            time=round(taken.at, 3),
            endpoint=taken.endpoint,
            request_id=taken.request_id,
            why=taken.why,
            error=_name_of(taken.error),
            message=taken.error.message,
            reason=self._redaction.of_value(_text_of(cause)[:_MOST_REASON]) if cause is not None else "",
            model=self._model,
            replica=self._replica,
            request=request,
            redacted=redacted,
            omitted=omitted,
        )

    def _request(self, taken: _Taken) -> tuple[msgspec.Raw | msgspec.UnsetType, bool, str]:
        given = taken.given
        if given is None:
            return msgspec.UNSET, False, "not there any more"
        if isinstance(given, int):
            return msgspec.UNSET, False, f"{given} bytes"
        try:
            if not isinstance(given, bytes):
                given = self._encode(dict(zip(self._fields[taken.endpoint], given, strict=True)))
            if len(given) > MOST_SAMPLE_BYTES:
                return msgspec.UNSET, False, f"{len(given)} bytes"
            value = msgspec.json.decode(given)
            clean = self._redaction.of_value(value)
        except NotPlainError as reason:
            return msgspec.UNSET, False, str(reason)
        except Exception as reason:  # noqa: BLE001 - an input may be of any type
            return msgspec.UNSET, False, f"cannot be written as JSON ({type(reason).__name__})"
        return msgspec.Raw(given if clean == value else msgspec.json.encode(clean)), clean != value, ""

    def _prune(self) -> None:
        """Another worker may be at it, too."""
        for name in surplus(sample_files(self._folder), self._settings.samples, self._settings.total_bytes):
            (self._folder / name).unlink(missing_ok=True)


def size_of(given: Any) -> int:
    """About how many bytes an input has, without walking through it."""
    if isinstance(given, bytes):
        return len(given)
    if not isinstance(given, tuple):
        return 0
    return sum(_size_of_value(each.raw if type(each) is Unread else each) for each in given)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType, reportUnknownVariableType]


def _size_of_value(value: Any) -> int:
    return getattr(value, "nbytes", 0) or (len(value) if isinstance(value, bytes | str) else 0)


def _why(error: ModelwayError) -> Why:
    if isinstance(error, ModelCrashedError):
        return "crashed"
    return "singled_out" if isinstance(error, HandlerError) and SINGLED_OUT in error.details else "failed"


def _name_of(error: ModelwayError) -> str:
    return type(error.__cause__ or error).__name__


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a modeller's exception may fail at this, too
        return ""


def _encode(value: Any) -> Any:
    return value.raw if type(value) is Unread else encode_foreign(value)
