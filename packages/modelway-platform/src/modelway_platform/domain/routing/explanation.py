"""What would happen to a request, and why: the question and the answer, as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainQuery:
    """A request that is not sent.

    Args:
        method: As in the request line.
        target: Path and query.
        headers: (name, value) in order; a key may be among them.
        as_key: Instead, the id, name or consumer of a key whose secret one does not have.
        body_bytes: Length of the body it would have.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    as_key: str = ""
    body_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stage of the request path, and what came of it."""

    stage: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAnswer:
    """What the gateway would answer itself; `code` is empty where that is no error."""

    status: int
    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionChance:
    """A version with its share of the requests that go by weights, 0 to 1; those without a replica have none."""

    version: str
    weight: int
    share: float
    replicas: int
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaState:
    """A replica of the version; `state` is `up`, or which workers say what else."""

    id: str
    address: str
    state: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What the gateway would do.

    Args:
        table: Number of the route table it was decided by; 0 before the first.
        answer: What the gateway would answer itself; None for a request that reaches a replica.
        route: `project/model`; empty where none matched.
        version: Who would be asked. By weights it is the first of a round: where in its round each worker is, only it knows.
        replica: Its id.
        sent: The request line that the replica would get.
        reason: As the access record would have it.
        consumer: Whose request it is, as the limits count.
        steps: The stages up to the answer.
        versions: All versions of the model.
        replicas: Those of the version.
        limits: What else would apply, in words.
        copies: Where copies of the version's requests go, in words.
    """

    table: int
    answer: LocalAnswer | None = None
    route: str = ""
    version: str = ""
    replica: str = ""
    sent: str = ""
    reason: str = ""
    consumer: str = ""
    steps: tuple[Step, ...] = ()
    versions: tuple[VersionChance, ...] = ()
    replicas: tuple[ReplicaState, ...] = ()
    limits: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
