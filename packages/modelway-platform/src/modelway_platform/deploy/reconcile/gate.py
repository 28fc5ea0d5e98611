"""What one deployment may not start although its package is prepared: others share the preparation, not the right to it."""

from collections.abc import Callable
from dataclasses import replace
from math import inf

from modelway_platform.deploy.reconcile.decision import Preparation, Stage
from modelway_platform.domain.records import DeploymentRecord

Gate = Callable[[DeploymentRecord], tuple[str, str]]
"""Reason and words that speak against starting what a record declares; two empty texts if nothing does."""


def open_gate(_: DeploymentRecord) -> tuple[str, str]:
    """Lets everything through."""
    return "", ""


def behind(gate: Gate, record: DeploymentRecord, preparation: Preparation) -> Preparation:
    """The preparation as it is for this deployment. It is looked at in every pass, so what is in the way may go by itself."""
    if preparation.stage is not Stage.PREPARED:
        return preparation
    reason, words = gate(record)
    return (
        replace(preparation, stage=Stage.FAILED, reason=reason, message=words, retry_at=inf) if reason else preparation
    )
