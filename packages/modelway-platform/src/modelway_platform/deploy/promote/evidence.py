"""Gathers what the gates of a stage look at; each fact from where it is kept, nothing is changed."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from modelway import packaging
from modelway.errors import ModelwayError
from modelway.signature import Signature
from modelway.signature.compatibility import compare
from modelway_platform.deploy.promote.ask_examples import ask_examples
from modelway_platform.domain.agreement.mirror_report import MirrorPair, MirrorQuery, MirrorReport
from modelway_platform.domain.deployments.deployment import Phase
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.promotion.stage_gates import ExampleAnswers, GateFacts, SignatureChange
from modelway_platform.domain.records import Declared, DeploymentRecord
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.stages.stage import AgreementGate, Stage
from modelway_platform.store.files.packages import PackageStore

_DAY = 86_400.0


class ReportMirrors(Protocol):
    """Who adds up what copies have shown."""

    def report(self, query: MirrorQuery, *, abandoned: Callable[[], bool]) -> MirrorReport:
        """Reads what it needs."""
        ...


class Evidence:
    """Reads packages, asks replicas and the records; call it in a thread.

    Args:
        packages: Archives.
        endpoints: All registered replicas, now.
        mirrors: What copies have shown.
        ca_file: Whose certificates replicas have that speak HTTPS.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        packages: PackageStore,
        endpoints: Callable[[], Sequence[Endpoint]],
        mirrors: ReportMirrors,
        *,
        ca_file: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._packages = packages
        self._endpoints = endpoints
        self._mirrors = mirrors
        self._ca_file = ca_file
        self._clock = clock

    def gather(self, record: DeploymentRecord, stage: Stage, declared: Declared) -> GateFacts:
        """What the gates of `stage` ask for of a deployment that is to enter it."""
        gates = stage.gates
        answers = self.answers(record) if gates.golden_examples else None
        others = _in_stage(record, stage, declared) if gates.signature else []
        changes = tuple(change for other in others for change in self._changes(record, other))
        pairs = self._pairs(record.key, gates.agreement) if gates.agreement is not None else ()
        compared = tuple(other.key.version for other in others)
        return GateFacts(answers=answers, compared=compared, changes=changes, pairs=pairs)

    def answers(self, record: DeploymentRecord) -> ExampleAnswers:
        """What the deployment's ready replicas answer to the golden examples of its package."""
        package = record.deployment.package
        examples = packaging.read_manifest(self._packages.path(package)).examples
        if record.status.phase is not Phase.READY or record.status.observed_revision != record.revision:
            word = record.status.phase.value
            return ExampleAnswers(examples=len(examples), waiting=f"{record.key} is not ready yet: {word}")
        ready = [each for each in self._endpoints() if each.key == record.key and each.package == package]
        return ask_examples(ready, examples, self._ca_file)

    def _changes(self, record: DeploymentRecord, other: DeploymentRecord) -> Iterator[SignatureChange]:
        version = other.key.version
        try:
            old, new = self._signature(other.deployment.package), self._signature(record.deployment.package)
        except ModelwayError as error:
            yield SignatureChange(version=version, breaking=True, where="package", what=error.message)
            return
        for each in compare(old, new):
            breaking = each.effect == "breaking"
            yield SignatureChange(version=version, breaking=breaking, where=each.where, what=each.what)

    def _signature(self, package: str) -> Signature:
        return Signature.from_json(packaging.read_manifest(self._packages.path(package)).signature)

    def _pairs(self, key: VersionKey, gate: AgreementGate) -> tuple[MirrorPair, ...]:
        now = self._clock()
        query = MirrorQuery(model=key.model_key, since=now - gate.days * _DAY, until=now, examples=0)
        report = self._mirrors.report(query, abandoned=lambda: False)
        return tuple(each for each in report.pairs if each.version == key.version)


def _in_stage(record: DeploymentRecord, stage: Stage, declared: Declared) -> list[DeploymentRecord]:
    """The model's other versions that run in the stage."""
    return [
        each
        for each in declared.deployments
        if each.key.model_key == record.key.model_key
        and each.key != record.key
        and each.deployment.stage == stage.key.stage
        and not each.deleting
    ]
