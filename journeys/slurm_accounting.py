"""A real accounting database below a Slurm of tests: MariaDB and slurmdbd on loopback, gone with their folder."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

from journeys.ports import free_ports

_SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_PROGRAMS = ("mariadbd", "mariadb-install-db", "slurmdbd", "sacctmgr", "sacct")
_CONF = """
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser=root
PidFile={folder}/dbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database}
StorageUser=root
StorageLoc=slurm
"""
# A controller that soon forgets the jobs that have ended, as a busy one does.
_CONTROLLER = """
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={folder}/munge/socket
MinJobAge=2
"""


def missing() -> str:
    """What is not there, in words; empty if it can be started."""
    return ", ".join(name for name in _PROGRAMS if not shutil.which(name, path=_SEARCH))


class Accounting:
    """The two of them.

    Args:
        folder: That of the cluster, whose `munge` they use.
    """

    def __init__(self, folder: Path) -> None:
        self.port, self._database = free_ports(2)
        self._folder = folder

    def write(self) -> str:
        """Makes database and configuration; what the controller's configuration has to say."""
        data = self._folder / "mariadb"
        made = [_program("mariadb-install-db"), "--no-defaults", "--user=root", f"--datadir={data}", "--skip-test-db"]
        subprocess.run([*made, "--auth-root-authentication-method=normal"], capture_output=True, check=True)
        conf = self._folder / "slurmdbd.conf"
        conf.touch(mode=0o600)
        host = socket.gethostname().split(".")[0]
        conf.write_text(_CONF.format(folder=self._folder, host=host, port=self.port, database=self._database))
        return _CONTROLLER.format(port=self.port, folder=self._folder)

    def database(self) -> list[str]:
        """The command that runs the database: for everybody on loopback, as nothing of it is kept."""
        data = self._folder / "mariadb"
        places = [f"--datadir={data}", f"--socket={data}/socket", f"--pid-file={data}/pid", f"--port={self._database}"]
        small = ["--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin"]
        return [
            "mariadbd",
            "--no-defaults",
            "--user=root",
            "--bind-address=127.0.0.1",
            "--skip-grant-tables",
            *places,
            *small,
        ]

    def is_database_up(self) -> bool:
        return _listens(self._database)

    def is_up(self) -> bool:
        return _listens(self.port)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _program(name: str) -> str:
    found = shutil.which(name, path=_SEARCH)
    assert found, name
    return found
