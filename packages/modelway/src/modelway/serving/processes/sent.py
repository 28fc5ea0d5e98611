"""Requests as they are sent to a model process, and what comes back put into them."""

from typing import Any

import msgspec

from modelway.errors import HandlerError
from modelway.serving.item import Item, RawItem
from modelway.serving.processes.arena import Arena, Memory
from modelway.serving.processes.failures import read_failure
from modelway.serving.processes.messages import JSON, OCTETS, VALUE, ItemHead, Outcome
from modelway.serving.processes.parcel import Parcel, pack, shareable, unpack, unpack_octets
from modelway.serving.processes.received import Late
from modelway.serving.stages.streams import StreamItem
from modelway.signature.unread import Unread

_INF = float("inf")


def form_of(item: Item) -> int:
    """In which form its result is wanted."""
    if isinstance(item, StreamItem):
        return JSON if item.encode is None else VALUE
    if item.encoded:
        return JSON
    return OCTETS if isinstance(item, RawItem) else VALUE


def head_of(item: Item, slot: int, arena: Arena) -> ItemHead:
    """The request as a message.

    Raises:
        HandlerError: Its arguments cannot be handed to another process; the cause is chained.
    """
    try:
        arguments = pack(tuple([_argument(each) for each in item.arguments]), arena)
    except Exception as reason:
        raise HandlerError(
            f"the request cannot be handed to the model's process: {type(reason).__name__}",
            hint="types of inputs must be picklable; the server's log has the reason under this request id",
        ) from reason
    deadline = None if item.deadline == _INF else item.deadline
    return ItemHead(arguments, slot, item.request_id, form_of(item), deadline, item.enqueued, list(item.headers))


def take_outcome(item: Item, outcome: Outcome, memory: Memory) -> None:
    """Put what came back into the request."""
    if outcome.log_fields:
        item.context.log_fields.update(msgspec.json.decode(outcome.log_fields))
    if outcome.failure is not None:
        item.error = read_failure(outcome.failure)
    elif outcome.result is not None:
        try:
            item.value = read_result(item, outcome.result, memory)
        except Exception as reason:  # noqa: BLE001 - a modeller's type may fail in any way
            item.error = unreadable(reason)


def unreadable(reason: Exception) -> HandlerError:
    """The error for a result that came, but cannot be made again."""
    error = HandlerError(
        f"the model's answer cannot be read in the server's process: {type(reason).__name__}",
        hint="the server's log has the reason under this request id",
    )
    error.__cause__ = reason
    return error


def read_result(item: Item, result: Parcel, memory: Memory) -> Any:
    """A result or a piece in the form the request wants it."""
    form = form_of(item)
    if form == VALUE:
        return unpack(result, memory)
    octets = unpack_octets(result, memory)
    return msgspec.Raw(octets) if form == JSON else octets


def _argument(value: Any) -> Any:
    return Late(shareable(value.raw), value.path, value.way) if type(value) is Unread else shareable(value)
