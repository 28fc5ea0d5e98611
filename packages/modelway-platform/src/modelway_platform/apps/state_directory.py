"""Where everything of one platform lies, and who may use it: one `modelway up` at a time."""

import fcntl
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelway.errors import ConflictError, ModelwayError

# The name of what gateway workers and jobs process share.
JOBS_SECRET = "jobs"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True, kw_only=True)
class StateDirectory:
    """The paths below one directory; nothing outside of it belongs to the platform."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "modelway.db"

    @property
    def roll_result(self) -> Path:
        """How the last replacement of gateway workers ended."""
        return self.run / "gateway-restart"

    @property
    def context(self) -> Path:
        return self.root / "context.json"

    @property
    def packages(self) -> Path:
        return self.root / "packages"

    @property
    def unpacked(self) -> Path:
        return self.root / "unpacked"

    @property
    def environments(self) -> Path:
        return self.root / "environments"

    @property
    def replicas(self) -> Path:
        return self.root / "replicas"

    @property
    def secrets(self) -> Path:
        """What replicas are given and nobody is shown: `PROJECT/NAME/KEY`, put there by a person or a secret manager."""
        return self.root / "secrets"

    @property
    def gateway(self) -> Path:
        return self.root / "gateway"

    @property
    def table(self) -> Path:
        return self.gateway / "table.json"

    @property
    def access_logs(self) -> Path:
        return self.root / "logs" / "access"

    @property
    def feedback(self) -> Path:
        """What callers said afterwards of answers."""
        return self.root / "logs" / "feedback"

    @property
    def shipped(self) -> Path:
        """Segments of access and inference records that processes on other machines have sent."""
        return self.root / "logs" / "shipped"

    @property
    def control_log(self) -> Path:
        return self.root / "logs" / "control.log"

    @property
    def gateway_log(self) -> Path:
        return self.root / "logs" / "gateway.log"

    @property
    def console_log(self) -> Path:
        return self.root / "logs" / "console.log"

    @property
    def jobs_log(self) -> Path:
        return self.root / "logs" / "jobs.log"

    @property
    def collector_log(self) -> Path:
        return self.root / "logs" / "collector.log"

    @property
    def sources(self) -> Path:
        """Where looks at Git repositories keep what they fetch, until they end."""
        return self.root / "sources"

    @property
    def log_store(self) -> Path:
        """What was collected of all logs, as Parquet."""
        return self.root / "logs" / "store"

    @property
    def series(self) -> Path:
        """What the watcher counted out of it."""
        return self.root / "series" / "series.db"

    @property
    def webhook_secret(self) -> Path:
        """By which the receiver of alerts knows that we sent them."""
        return self.run / "alert-webhook-secret"

    @property
    def watcher_log(self) -> Path:
        return self.root / "logs" / "watcher.log"

    @property
    def outputs_file(self) -> Path:
        """Yours: where records and metrics are sent on to."""
        return self.root / "outputs.toml"

    @property
    def outputs(self) -> Path:
        """How far each output has come, and what they say of themselves."""
        return self.root / "logs" / "outputs"

    @property
    def outputs_log(self) -> Path:
        return self.root / "logs" / "outputs.log"

    @property
    def jobs_database(self) -> Path:
        return self.root / "jobs.db"

    @property
    def jobs_contents(self) -> Path:
        return self.root / "jobs"

    @property
    def jobs_metrics(self) -> Path:
        return self.gateway / "jobs.metrics.prom"

    @property
    def run(self) -> Path:
        return self.root / "run"

    def worker_metrics(self, index: int) -> Path:
        return self.gateway / f"worker-{index}.metrics.json"

    def make(self) -> None:
        """Makes the folders, for their owner only.

        Raises:
            ModelwayError: The directory cannot be used.
        """
        try:
            for folder in (self.root, self.run, self.gateway, self.access_logs, self.replicas):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ModelwayError(
                f"cannot use {self.root}: {error.strerror}", hint="choose another with --directory"
            ) from error

    def instance(self) -> str:
        """The mark of this platform on its processes; made once."""
        return self.kept_secret("instance")

    def kept_secret(self, name: str) -> str:
        """A random text that stays the same over restarts, readable for its owner only."""
        path = self.run / name
        try:
            found = path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            found = ""
        if found:
            return found
        made = secrets.token_urlsafe(32)
        write_private(path, made + "\n")
        return made


@contextmanager
def only_user(directory: StateDirectory) -> Generator[None]:
    """Holds the directory for this process; the kernel lets go of it whatever way the process ends.

    Raises:
        ConflictError: Another process holds it; the message has its pid.
    """
    path = directory.run / "up.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise ConflictError(
                f"{directory.root} is in use by the platform that runs as process {pid}",
                hint=f"use that one, stop it (`kill {pid}`), or choose another with --directory",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner may read; it appears complete or not at all."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
