"""What the demo measured, against what was declared: shares, accuracy, and the answers the model files give here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from examples.digits.traffic import Reply
from examples.digits.train import HERE, Digits

CONFIDENCE_TOLERANCE = 1e-4  # a batch of another size may round differently


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionResult:
    """One row of the table."""

    version: str
    requests: int
    declared_share: float
    share: float
    accuracy: float
    accuracy_unseen: float
    p50_ms: float
    p99_ms: float
    errors: int
    differing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The table, what went wrong if anything did, and what was checked."""

    rows: tuple[VersionResult, ...]
    problems: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        return not self.problems


def local_probabilities(digits: Digits) -> dict[str, NDArray[np.float64]]:
    """What each model file says about every image, asked here and now without any server."""
    images = digits.images / 16
    session = onnxruntime.InferenceSession(HERE / "v2" / "model.onnx", providers=["CPUExecutionProvider"])
    (network,) = session.run(["probabilities"], {"image": images})
    return {
        "v1": joblib.load(HERE / "v1" / "model.joblib").predict_proba(images),
        "v2": np.asarray(network, np.float64),
    }


def judge(digits: Digits, replies: Sequence[Reply | None], weights: Mapping[str, int], workers: int) -> Verdict:
    """Compare every reply with the labels, the declared weights and the model files' own answers."""
    expected = json.loads(Path(__file__).with_name("expectations.json").read_text(encoding="utf-8"))
    local = local_probabilities(digits)
    rows = tuple(
        _judge_version(version, digits, replies, weight / sum(weights.values()), local[version])
        for version, weight in weights.items()
    )
    problems = [*_unanswered(replies, weights)]
    for row in rows:
        exact = row.declared_share * len(replies)
        if abs(row.requests - exact) > workers:
            problems.append(f"{row.version} got {row.requests} requests; exact is {exact:.1f}, at most {workers} off")
        problems += _below(row, expected[row.version])
        if row.differing:
            problems.append(f"{row.version} gave {row.differing} answers that its model file does not give")
    return Verdict(rows=rows, problems=tuple(problems))


def _judge_version(
    version: str,
    digits: Digits,
    replies: Sequence[Reply | None],
    declared_share: float,
    local: NDArray[np.float64],
) -> VersionResult:
    mine = {index: reply for index, reply in enumerate(replies) if reply is not None and reply.version == version}
    answers: dict[int, dict[str, Any]] = {
        index: json.loads(reply.body) for index, reply in mine.items() if reply.status == 200
    }
    right = {index for index, answer in answers.items() if answer["digit"] == digits.labels[index]}
    milliseconds = np.asarray([reply.seconds * 1000 for reply in mine.values()] or [0.0])
    unseen = set(digits.unseen.tolist())
    return VersionResult(
        version=version,
        requests=len(mine),
        declared_share=declared_share,
        share=len(mine) / len(replies),
        accuracy=len(right) / max(1, len(answers)),
        accuracy_unseen=len(right & unseen) / max(1, len(unseen & answers.keys())),
        p50_ms=float(np.percentile(milliseconds, 50)),
        p99_ms=float(np.percentile(milliseconds, 99)),
        errors=len(mine) - len(answers),
        differing=sum(1 for index, answer in answers.items() if _differs(answer, local[index])),
    )


def _differs(answer: Mapping[str, Any], probabilities: NDArray[np.float64]) -> bool:
    best = int(probabilities.argmax())
    return answer["digit"] != best or abs(answer["confidence"] - probabilities[best]) > CONFIDENCE_TOLERANCE


def _unanswered(replies: Sequence[Reply | None], weights: Mapping[str, int]) -> list[str]:
    failed = [reply for reply in replies if reply is None or reply.status != 200 or reply.version not in weights]
    if not failed:
        return []
    first = failed[0]
    example = "" if first is None else f", the first with status {first.status} {first.error or first.body[:200]!r}"
    return [f"{len(failed)} of {len(replies)} requests were not answered{example}"]


def _below(row: VersionResult, expected: Mapping[str, float]) -> list[str]:
    measured = {"accuracy": row.accuracy, "accuracyUnseen": row.accuracy_unseen}
    return [
        f"{row.version}: {name} is {measured[name]:.4f}, declared {wanted}"
        for name, wanted in expected.items()
        if measured[name] < wanted
    ]
