"""What of an answer a token sees that is bound to projects, by the rule of the method: the rest is left out, as if there were none."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, cast

import msgspec

from modelway.errors import ForbiddenError, NotFoundError
from modelway_platform.deploy.api.call import Call, Caller
from modelway_platform.deploy.api.messages.methods import Method
from modelway_platform.deploy.api.schema.rule_pb2 import Rule


def is_filtered(method: Method, caller: Caller) -> bool:
    """Whether the answer has to be looked through for this caller."""
    return bool(caller.projects) and method.rule.scope == Rule.Scope.BY_ANSWER


async def visible_answer(method: Method, answering: Any, caller: Caller) -> Any:
    """The answer without what is not the caller's.

    Raises:
        ForbiddenError: It is about one thing, which is not the caller's or is not there: which of both is not told.
    """
    try:
        answer = _values(await answering)
    except NotFoundError:
        raise _hidden(method, caller) from None
    shown = _shown(method.rule.project_in, caller)
    if "items" in answer:
        return {**answer, "items": [each for each in answer["items"] if shown(each)]}
    if not shown(answer):
        raise _hidden(method, caller)
    return answer


async def visible_stream(method: Method, answers: AsyncIterator[Any], call: Call) -> AsyncIterator[Any]:
    """The same of a stream: of lists their items, else whole answers; a list is not told again for what others changed."""
    shown, last = _shown(method.rule.project_in, call.caller), None
    async with aclosing(cast("Any", answers)) as source:
        async for each in source:
            if each is None:
                yield None
                continue
            value = _values(each)
            if "items" not in value:
                if shown(value):
                    yield value
                continue
            value = {**value, "items": [item for item in value["items"] if shown(item)]}
            if value != last:
                last = value
                yield value


def _shown(path: str, caller: Caller) -> Callable[[Any], bool]:
    names = path.split(".")

    def shown(item: Any) -> bool:
        value: Any = item
        for name in names:
            value = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
        if isinstance(value, list):
            projects = cast("list[str]", value)
            return bool(projects) and all(map(caller.sees, projects))
        return not value or caller.sees(str(value).partition("/")[0])

    return shown


def _values(answer: Any) -> dict[str, Any]:
    return msgspec.json.decode(answer) if isinstance(answer, bytes) else answer


def _hidden(method: Method, caller: Caller) -> ForbiddenError:
    return ForbiddenError(
        f"{caller.name} is bound to projects, and sees with {method.called} only what is of these alone",
        hint="it takes a token for all projects",
    )
