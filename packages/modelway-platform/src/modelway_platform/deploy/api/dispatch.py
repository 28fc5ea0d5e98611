"""Where every call of the control API passes, whatever it came over: may this caller do it, and who does it."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, cast

from google.protobuf.message import Message

from modelway_platform.deploy.api.authorize import check_message, check_role
from modelway_platform.deploy.api.call import Answerer, Call, Caller, Implementation, Streamer
from modelway_platform.deploy.api.messages.json_messages import check_required
from modelway_platform.deploy.api.messages.methods import Method, api_methods
from modelway_platform.deploy.api.visible import is_filtered, visible_answer, visible_stream
from modelway_platform.store.engines.call_deadline import answered_within

ANSWER_SECONDS = 40.0
"""For what one call does with the database; clients of ours wait a minute for an answer."""


class Dispatch:
    """The implementations of methods, behind their rules.

    Args:
        implementations: Per service, what answers each of its methods by its short name.
        methods: Those of the schema, unless a test has others.

    Raises:
        ValueError: A method is not implemented, or something implemented is no method.
    """

    def __init__(
        self, implementations: Iterable[Mapping[str, Implementation]], methods: tuple[Method, ...] | None = None
    ) -> None:
        self.methods = api_methods() if methods is None else methods
        found = {
            f"{service}.{name}": answers
            for each in implementations
            for service, answerers in each.items()
            for name, answers in answerers.items()
        }
        if wrong := {method.name for method in self.methods} ^ found.keys():
            raise ValueError(f"in the schema or implemented, but not both: {', '.join(sorted(wrong))}")
        self._found: dict[str, Answerer | Streamer] = found

    def admit(self, method: Method, caller: Caller) -> None:
        """Refuse at once, before the message is read, whoever may not ask at all."""
        check_role(method, caller)

    async def answer(self, method: Method, request: Message | AsyncIterator[Message], call: Call) -> Any:
        """The answer of a method that has one: JSON values, JSON already written, `Octets`, or None for nothing."""
        self._check(method, request, call)
        answering = cast("Answerer", self._found[method.name])(request, call.to(method.called))
        if is_filtered(method, call.caller):
            answering = visible_answer(method, answering, call.caller)
        if not isinstance(request, Message):  # what streams in takes as long as it takes
            return await answering
        with answered_within(ANSWER_SECONDS):
            return await answering

    def stream(self, method: Method, request: Message, call: Call) -> AsyncIterator[Any]:
        """The answers of a method that has many; None while there is none."""
        self._check(method, request, call)
        answers = cast("Streamer", self._found[method.name])(request, call.to(method.called))
        return visible_stream(method, answers, call) if is_filtered(method, call.caller) else answers

    def _check(self, method: Method, request: Message | AsyncIterator[Message], call: Call) -> None:
        check_role(method, call.caller)
        if isinstance(request, Message):
            check_message(method, request, call.caller)
            check_required(request)
