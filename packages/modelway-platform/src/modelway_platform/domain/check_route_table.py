"""What must hold for every route table before any worker may read it; both the writer and the reader ask here."""

from collections.abc import Iterable, Iterator

from modelway_platform.domain.async_policy import async_problem
from modelway_platform.domain.check_addressing import addressing_faults
from modelway_platform.domain.check_assignment import assignment_faults
from modelway_platform.domain.check_mirroring import mirroring_faults
from modelway_platform.domain.identity import RESERVED_MODEL_NAMES, is_name, is_version
from modelway_platform.domain.issuer_entries import issuer_entry_problems
from modelway_platform.domain.key_entries import key_problems
from modelway_platform.domain.limits import limit_problems
from modelway_platform.domain.read_resilience import resilience_problems
from modelway_platform.domain.route_table import ModelEntry, RouteTable

MAX_MODELS = 100_000
MAX_REPLICAS = 200_000
MAX_WEIGHT = 1_000_000


def problems_of(table: RouteTable) -> list[str]:
    """Everything wrong with `table`, in words; empty for one that may be served from."""
    return list(_problems(table))


def _problems(table: RouteTable) -> Iterator[str]:
    if table.number < 1:
        yield f"table number {table.number}: must be 1 or more"
    if len(table.models) > MAX_MODELS:
        yield f"{len(table.models)} models: at most {MAX_MODELS}"
    total = sum(len(version.replicas) for model in table.models for version in model.versions)
    if total > MAX_REPLICAS:
        yield f"{total} replicas: at most {MAX_REPLICAS}"
    yield from _repeated("model", (f"{model.project}/{model.model}" for model in table.models))
    yield from _repeated(
        "replica id",
        (replica.id for model in table.models for version in model.versions for replica in version.replicas),
    )
    yield from _repeated("key id", (key.id for key in table.keys))
    for key in table.keys:
        yield from key_problems(key)
    yield from _repeated("issuer", (each.issuer for each in table.issuers))
    for issuer in table.issuers:
        yield from issuer_entry_problems(issuer)
    for model in table.models:
        yield from _model_problems(model)
    yield from addressing_faults(table)
    yield from assignment_faults(table)
    yield from mirroring_faults(table)


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
    if problem := async_problem(model.asynchronous):
        yield f"model {name}: {problem}"
    if not model.versions:
        yield f"model {name}: no version"
    yield from _repeated(f"version of {name}", (version.version for version in model.versions))
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
