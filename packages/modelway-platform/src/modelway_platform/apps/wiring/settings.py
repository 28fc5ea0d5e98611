"""What the control process was told."""

from dataclasses import dataclass, field
from pathlib import Path

from modelway_platform.apps.state_directory import StateDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSettings:
    """What the control process was told."""

    directory: StateDirectory
    host: str
    port: int
    control_url: str
    gateway_url: str
    console_url: str = ""
    grpc_port: int = 0
    lifeline: int
    database: str = field(default="", repr=False)  # with a password, perhaps
    packages: Path | None = None
