"""A real PostgreSQL server on loopback, started by a test and ended by pid."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from journeys.ports import free_ports


def free_port() -> int:
    """One that nobody listens on now."""
    return free_ports(1)[0]


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Returns when `condition` holds; an assertion error naming `what` when it does not in time."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"not within {seconds} s: {what}"
        time.sleep(0.02)


class Postgres:
    """A server of Debian's, with its files in a folder of its own and a socket there."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        folder.mkdir(parents=True)
        os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", str(folder / "data"), "-A", "trust", "-N", "-U", "postgres")

    @property
    def url(self) -> str:
        """Of the database that is there from the start."""
        return self.url_of("postgres")

    @property
    def pid(self) -> int:
        """The first process of the server, parent of all others."""
        assert self._process is not None
        return self._process.pid

    def url_of(self, database: str, port: int | None = None) -> str:
        """Of a database; through something else that listens on `port`, if given."""
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    def start(self, *options: str) -> None:
        """Starts it and waits until it answers."""
        data = str(self.folder / "data")
        settings = ("-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.folder), *options)
        self._process = subprocess.Popen(
            [str(self._programs / "postgres"), "-D", data, *settings],
            user=self._user.pw_uid,
            group=self._user.pw_gid,
            extra_groups=[],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        ready = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        wait_for(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL answers")

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Ends it: by SIGINT in order, by SIGQUIT at once."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            user=self._user.pw_uid,
            group=self._user.pw_gid,
            extra_groups=[],
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )


def programs() -> Path | None:
    """Where Debian has those of the newest version; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def running_postgres(*options: str) -> Generator[Postgres]:
    """A fresh server, gone with its files at the end."""
    place = programs()
    assert place is not None, "postgresql is not installed"
    # Below pytest's own folders the server's user may not go.
    folder = Path(tempfile.mkdtemp(prefix="modelway-postgres-"))
    folder.chmod(0o755)
    server = Postgres(folder / "server", place)
    try:
        server.start(*options)
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)
