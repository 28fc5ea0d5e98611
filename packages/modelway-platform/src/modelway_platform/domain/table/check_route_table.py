"""What must hold for every route table before any worker may read it; both the writer and the reader ask here."""

from collections.abc import Iterable, Iterator
from itertools import chain
from weakref import WeakKeyDictionary

from modelway_platform.domain.access.limits import limit_problems
from modelway_platform.domain.deployments.autoscale import scaling_problem
from modelway_platform.domain.identity import RESERVED_MODEL_NAMES, is_name, is_version
from modelway_platform.domain.routing.assignment.assignment import MAX_WEIGHT
from modelway_platform.domain.routing.jobs.async_policy import async_problem
from modelway_platform.domain.routing.payload_policy import payload_problem
from modelway_platform.domain.routing.resilience.read_resilience import resilience_problems
from modelway_platform.domain.table.check_addressing import addressing_faults
from modelway_platform.domain.table.check_assignment import assignment_faults
from modelway_platform.domain.table.check_mirroring import mirroring_faults
from modelway_platform.domain.table.issuer_entries import issuer_entry_problems
from modelway_platform.domain.table.key_entries import key_problems
from modelway_platform.domain.table.route_table import ModelEntry, RouteTable
from modelway_platform.domain.table.split_table import SplitTable, TablePart, part_of, split_table

MAX_MODELS = 100_000
MAX_REPLICAS = 200_000


def problems_of(table: RouteTable) -> list[str]:
    """Everything wrong with `table`, in words; empty for one that may be served from."""
    return TableCheck().problems_of(split_table(table))


class TableCheck:
    """Checks table after table, and of each only the parts that are new."""

    def __init__(self) -> None:
        self._sound: WeakKeyDictionary[TablePart, _Sound] = WeakKeyDictionary()
        self._addressed: tuple[object, ...] = ()

    def problems_of(self, table: SplitTable) -> list[str]:
        """Everything wrong with `table`, in words; empty for one that may be served from."""
        problems = list(_head_problems(table))
        for index, part in enumerate(table.parts):
            if part not in self._sound:
                found = list(_part_problems(part, index, len(table.parts)))
                if not found:
                    self._sound[part] = _Sound(part)
                problems += found
        known = [self._sound[part] for part in table.parts if part in self._sound]
        if len(known) == len(table.parts):
            problems += self._across(table, known)
        return problems

    def _across(self, table: SplitTable, known: "list[_Sound]") -> Iterator[str]:
        """What no part shows by itself."""
        total = sum(len(part.replicas) for part in known)
        if total > MAX_REPLICAS:
            yield f"{total} replicas: at most {MAX_REPLICAS}"
        if len(set[str]().union(*(part.replicas for part in known))) != total:
            yield from _repeated("replica id", chain.from_iterable(sorted(part.replicas) for part in known))
        addressed = tuple(part for part in known if part.addressed)
        if addressed:
            projects = frozenset[str]().union(*(part.projects for part in known))
            if self._addressed != (projects, *addressed):
                models = tuple(model for part in addressed for model in part.addressed)
                faults = list(addressing_faults(models, projects))
                yield from faults
                self._addressed = (projects, *addressed) if not faults else ()


class _Sound:
    """What the rest of a table needs to know of a part that is sound by itself."""

    __slots__ = ("addressed", "projects", "replicas")

    def __init__(self, part: TablePart) -> None:
        self.projects = frozenset(model.project for model in part.models)
        self.addressed = tuple(model for model in part.models if model.addressing.urls)
        self.replicas = frozenset(_replica_ids(part))


def _head_problems(table: SplitTable) -> Iterator[str]:
    head = table.head
    if head.number < 1:
        yield f"table number {head.number}: must be 1 or more"
    models = sum(len(part.models) for part in table.parts)
    if models > MAX_MODELS:
        yield f"{models} models: at most {MAX_MODELS}"
    yield from _repeated("key id", (key.id for key in head.keys))
    for key in head.keys:
        yield from key_problems(key)
    yield from _repeated("issuer", (each.issuer for each in head.issuers))
    for issuer in head.issuers:
        yield from issuer_entry_problems(issuer)


def _part_problems(part: TablePart, index: int, parts: int) -> Iterator[str]:
    yield from _repeated("model", (f"{model.project}/{model.model}" for model in part.models))
    yield from _repeated("replica id", _replica_ids(part))
    yield from assignment_faults(part.models)
    yield from mirroring_faults(part.models)
    for model in part.models:
        yield from _model_problems(model)
        if part_of(model.project, model.model, parts) != index:
            yield f"model {model.project}/{model.model}: in a part that is not its own"


def _replica_ids(part: TablePart) -> Iterator[str]:
    return (replica.id for model in part.models for version in model.versions for replica in version.replicas)


def _model_problems(model: ModelEntry) -> Iterator[str]:
    name = f"{model.project}/{model.model}"
    if not is_name(model.project) or not is_name(model.model) or model.model in RESERVED_MODEL_NAMES:
        yield f"model {name!r}: not a usable name"
    if not 0 < model.timeout_seconds <= 86_400:
        yield f"model {name}: timeout of {model.timeout_seconds} s"
    if model.max_body_bytes < 0:
        yield f"model {name}: body limit of {model.max_body_bytes} bytes"
    yield from (f"model {name}: {problem}" for problem in limit_problems(model.limits))
    if model.resilience is not None:
        yield from resilience_problems(name, model.resilience)
    own = (async_problem(model.asynchronous), payload_problem(model.payloads))
    yield from (f"model {name}: {problem}" for problem in own if problem)
    if not model.versions:
        yield f"model {name}: no version"
    yield from _repeated(f"version of {name}", (version.version for version in model.versions))
    yield from (f"model {name}: {text}" for each in model.versions if (text := scaling_problem(each.scaling)))
    for version in model.versions:
        if not is_version(version.version):
            yield f"model {name}: version {version.version!r} is not a usable name"
        if not 0 <= version.weight <= MAX_WEIGHT:
            yield f"model {name}: version {version.version} has weight {version.weight}"
        for replica in version.replicas:
            if not replica.id or not replica.host or not 0 < replica.port < 65_536:
                yield f"model {name}: replica {replica.id!r} at {replica.host!r}:{replica.port} has no usable address"


def _repeated(what: str, names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f"{what} {name} appears twice"
        seen.add(name)
