"""The signature as a value: what each endpoint takes and answers, ready for a manifest or an API description."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import msgspec

from modelway.errors import InvalidPackageError, NotFoundError
from modelway.signature.flow import Flow, StepSignature


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One named value.

    Args:
        name: The member of the request's JSON object.
        schema: JSON schema, self-contained.
        label: The type for people.
        dtype: Arrays: the element type; empty otherwise.
        shape: Arrays: the declared shape (null: any length); None when any.
        required: Whether a request must have it.
        members: Dataclasses: their members; empty otherwise.
        media: Media types of a form's part, or a body, that is this value alone; empty where only JSON will do.
    """

    name: str
    label: str
    schema: Mapping[str, Any] = field(default_factory=dict[str, Any])
    dtype: str = ""
    shape: tuple[int | None, ...] | None = None
    required: bool = True
    members: tuple["Field", ...] = ()
    media: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How the requests of an endpoint run, as its handler declares it; callers need not know.

    Args:
        cost: The method that says what an item costs; empty where there is none.
        max_wait_ms: How long a batch waits behind another to fill: 0 not at all, `adaptive` as long as that pays.
        max_concurrency: How many requests run side by side; 0 where they run one after another.
        any_thread: Whether its stages may run in another thread than `load`; None where nothing is said.
        idempotent: Whether a request may run a second time.
    """

    cost: str = ""
    max_wait_ms: float | Literal["adaptive"] = 0.0
    max_concurrency: int = 0
    any_thread: bool | None = None
    idempotent: bool = False


_USUAL = Running()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSignature:
    """What one endpoint takes and answers; `output.name` is empty. If it is streaming, `output` is one piece.

    A batch has at most `max_batch_size` items, which cost at most `max_batch_cost` where that is given.

    `raw_field` names the input that a body which is not JSON stands for; empty where there is none. `flow` is what an
    endpoint of a pipeline does with its steps, `running` how requests are batched and where they run.
    """

    name: str
    inputs: tuple[Field, ...]
    output: Field
    description: str = ""
    max_batch_size: int | None = None
    max_batch_cost: float | None = None
    streaming: bool = False
    raw_field: str = ""
    flow: tuple[Flow, ...] = ()
    running: Running = _USUAL

    @property
    def request_schema(self) -> dict[str, Any]:
        """JSON schema of the request's body."""
        required = [each.name for each in self.inputs if each.required]
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {each.name: dict(each.schema) for each in self.inputs},
            "additionalProperties": False,
        }
        return schema | {"required": required} if required else schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """All endpoints of a handler, in the order they stand in its class, and the steps of a pipeline."""

    endpoints: tuple[EndpointSignature, ...]
    steps: tuple[StepSignature, ...] = ()

    def endpoint(self, name: str) -> EndpointSignature:
        """The endpoint `name`.

        Raises:
            NotFoundError: There is none; the hint lists those there are.
        """
        for each in self.endpoints:
            if each.name == name:
                return each
        raise NotFoundError(
            f"there is no endpoint '{name[:80]}'",
            code="endpoint_not_found",
            hint=f"endpoints: {', '.join(each.name for each in self.endpoints)}",
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON values; `from_json` reads them back."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        usual: dict[str, Any] = msgspec.to_builtins(_USUAL)
        for endpoint in values["endpoints"]:
            if endpoint["max_batch_cost"] is None:  # as it was before there were costs
                del endpoint["max_batch_cost"]
            declared = {name: value for name, value in endpoint.pop("running").items() if value != usual[name]}
            if declared:
                endpoint["running"] = declared
        if not self.steps:
            del values["steps"]  # signatures of other handlers are what they were before there were pipelines
            for endpoint in values["endpoints"]:
                del endpoint["flow"]
        return values

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read what `to_json` wrote.

        Raises:
            InvalidPackageError: It is not a signature.
        """
        try:
            return msgspec.convert(value, cls)
        except msgspec.ValidationError as error:
            raise InvalidPackageError(f"the signature in the manifest cannot be read: {error}") from error
