"""Compiles table after table: only models about which something was declared or observed since are looked at."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from modelway_platform.domain.access.token_issuer import TokenIssuerRecord
from modelway_platform.domain.deployments.autoscale import ScalingEntry
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.records import ApiKeyRecord, Declared, DeploymentRecord
from modelway_platform.domain.routing.endpoint import Endpoint, EndpointView
from modelway_platform.domain.routing.route import Route
from modelway_platform.domain.table.compile_route_table import (
    compile_model,
    compile_table,
    record_scaling,
    replica_entry,
)
from modelway_platform.domain.table.route_table import ModelEntry, RouteTable

Wish = tuple[Route | None, tuple[tuple[VersionKey, ScalingEntry | None], ...]]
"""What is declared of a model: its Route, and its versions in the order in which they were declared."""


class TableCompiler:
    """The same tables as `compile_table` makes, with the work of what changed.

    Args:
        before: The last table of a former process: it decides for models without a Route.
    """

    def __init__(self, before: RouteTable | None = None) -> None:
        self._declared: Declared | None = None
        self._wishes: dict[ModelKey, Wish] = {}
        self._before = {ModelKey(each.project, each.model): each for each in before.models} if before else {}
        self._entries: dict[ModelKey, ModelEntry] = {}
        self._order: list[ModelKey] | None = None
        self._models: tuple[ModelEntry, ...] = ()
        self._seen = -1

    @property
    def seen(self) -> int:
        """The number of the view compiled last."""
        return self._seen

    def compile(
        self,
        declared: Declared,
        view: EndpointView,
        keys: Iterable[ApiKeyRecord],
        number: int,
        *,
        issuers: Iterable[TokenIssuerRecord] = (),
    ) -> RouteTable:
        """The table for what is declared and observed now."""
        touched: set[ModelKey] = set(self._wishes) if view.touched is None or self._seen < 0 else set(view.touched)
        if declared is not self._declared:
            touched |= self._note_wishes(declared)
        changed = False
        for key in touched:
            changed |= self._compile_one(key, view.by_version)
        if changed:
            if self._order is None:
                self._order = sorted(self._entries)
            self._models = tuple([self._entries[key] for key in self._order])
        self._seen = view.number
        rest = compile_table(replace(declared, deployments=(), routes=()), (), keys, number, issuers=issuers)
        return replace(rest, models=self._models)

    def _note_wishes(self, declared: Declared) -> set[ModelKey]:
        """Takes over what is declared; the models of which something else is declared than before."""
        versions: defaultdict[ModelKey, list[DeploymentRecord]] = defaultdict(list)
        for record in declared.deployments:
            if not record.deleting:
                versions[record.key.model_key].append(record)
        routes = {record.key: record.route for record in declared.routes}
        wishes: dict[ModelKey, Wish] = {
            key: (
                routes.get(key),
                tuple(
                    (each.key, record_scaling(each))
                    for each in sorted(records, key=lambda each: (each.created_at, each.key))
                ),
            )
            for key, records in versions.items()
        }
        before, self._wishes, self._declared = self._wishes, wishes, declared
        return {key for key, wish in wishes.items() if before.get(key) != wish} | (before.keys() - wishes.keys())

    def _compile_one(self, key: ModelKey, by_version: Mapping[VersionKey, tuple[Endpoint, ...]]) -> bool:
        """Whether it made a difference."""
        known = self._entries.get(key)
        wish = self._wishes.get(key)
        if wish is None:
            if known is not None:
                del self._entries[key]
                self._order = None
            return known is not None
        route, versions = wish
        found = {
            version.version: tuple(replica_entry(each) for each in by_version.get(version, ()))
            for version, _ in versions
        }
        scaling = {version.version: entry for version, entry in versions if entry is not None}
        entry = compile_model(key, route, found, known or self._before.get(key), scaling)
        if entry == known:
            return False
        if known is None:
            self._order = None
        self._entries[key] = entry
        return True
