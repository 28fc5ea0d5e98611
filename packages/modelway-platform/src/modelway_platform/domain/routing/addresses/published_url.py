"""URLs that a Route publishes beside `/{project}/{model}`, and names it gives to versions."""

from dataclasses import dataclass
from typing import Literal

Balance = Literal["round-robin", "least-in-flight"]
ParametersAs = Literal["header", "query", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """On a header (name in lower case) or a parameter of the query: its exact value, or with None that it is there."""

    source: Literal["header", "query"]
    name: str
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedUrl:
    """A pattern (see `url_pattern`) with what it stands for.

    Args:
        pattern: As written.
        endpoint: The replica's endpoint, or `{parameter}`.
        model: `{parameter}`: a model of the same project; empty: the Route's own. Its own Route rules the request.
        version: A version, `@alias` or `{parameter}`; empty: by the route's weights.
        methods: HTTP methods; empty: any.
        conditions: All must hold.
        parameters_as: How parameters that name neither version nor endpoint reach the replica.
    """

    pattern: str
    endpoint: str
    model: str = ""
    version: str = ""
    methods: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    parameters_as: ParametersAs = "header"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """`@name` in an address means `version`."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """What a Route says of addresses and of the choice among replicas; carried as it is by the route table."""

    urls: tuple[PublishedUrl, ...] = ()
    aliases: tuple[Alias, ...] = ()
    balance: Balance = "round-robin"


USUAL_ADDRESSING = Addressing()


def parameter_named(text: str) -> str | None:
    """`lang` for `{lang}`; None for a fixed text."""
    return text[1:-1] if text.startswith("{") and text.endswith("}") else None
