"""Where records come from."""

from dataclasses import dataclass
from pathlib import Path

from modelway_platform.insight.collect.kinds import Kind


@dataclass(frozen=True, slots=True)
class Source:
    """Where segments of a kind appear."""

    kind: Kind
    folder: Path
