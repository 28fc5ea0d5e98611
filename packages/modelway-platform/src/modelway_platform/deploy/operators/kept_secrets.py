"""The values of secrets that are kept in files of the platform's machine: read when a replica is started, written nowhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelway.errors import ModelwayError, NotFoundError
from modelway_platform.deploy.operators.port import ReplicaSpec

_LONGEST = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSecrets:
    """A folder with a file per secret and key: `PROJECT/NAME/KEY`, as a secret manager mounts them.

    Args:
        folder: It.
    """

    folder: Path

    def __call__(self, spec: ReplicaSpec) -> Mapping[str, str]:
        """The values by variable, without a line end behind them.

        Raises:
            NotFoundError: One is not there; the message names it, and no value.
            ModelwayError: One cannot be read, or can be no variable.
        """
        return {variable: self._value(spec.key.project, name) for variable, name in spec.secrets.items()}

    def _value(self, project: str, name: str) -> str:
        path = self.folder / project / name
        where = f"secret {name} of project {project}"
        try:
            value = path.read_text(encoding="utf-8").removesuffix("\n")
        except FileNotFoundError:
            raise NotFoundError(f"{where} is not there", hint=f"put it into {path}") from None
        except (OSError, ValueError):
            raise ModelwayError(f"{where} cannot be read", hint=f"look at {path}", code="unavailable") from None
        if "\0" in value or len(value) > _LONGEST:
            raise ModelwayError(f"{where} can be no variable", hint=f"text of at most {_LONGEST} characters")
        return value
