"""A real S3 server for tests: Ceph's gateway over one monitor and one in-memory OSD, on loopback, gone with its folder."""

import datetime as dt
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Self

import obstore
from obstore.store import S3Store

PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "monmaptool")
ACCESS_KEY, SECRET_KEY = "modelway-tests", "not-a-secret"
_CONFIGURATION = """
[global]
fsid = {fsid}
mon_host = v1:127.0.0.1:{mon}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv6 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
osd_pool_default_size = 1
osd_pool_default_min_size = 1
mon_allow_pool_size_one = true
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_data_avail_crit = 1
mon_data_avail_warn = 1
run_dir = {folder}/run
admin_socket = {folder}/run/$name.asok
log_file = {folder}/log/$name.log
[mon.a]
mon_data = {folder}/mon/a
[osd.0]
osd_data = {folder}/osd/0
osd_objectstore = memstore
memstore_device_bytes = 2147483648
osd_numa_auto_affinity = false
[client.rgw]
rgw_frontends = beast endpoint=127.0.0.1:{port}
rgw_run_sync_thread = false
keyring = /dev/null
"""


def missing() -> str:
    """Which of Ceph's programs are not installed; empty when all are."""
    return ", ".join(name for name in PROGRAMS if shutil.which(name) is None)


class CephGateway:
    """Started by `with`; ended by pid.

    Args:
        folder: A new folder for its state.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.port = _free_port()

    @property
    def variables(self) -> dict[str, str]:
        """What clients need in their environment."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
        }

    def make_bucket(self) -> str:
        """A new bucket's name: a signed `PUT` of nothing but the bucket."""
        bucket = f"b{uuid.uuid4().hex}"
        store = S3Store(
            bucket,
            endpoint=self.variables["AWS_ENDPOINT_URL"],
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            region="us-east-1",
            client_options={"allow_http": True},
        )
        address = obstore.sign(store, "PUT", "", dt.timedelta(minutes=5))
        with urllib.request.urlopen(urllib.request.Request(address, method="PUT"), timeout=30):
            return bucket

    def __enter__(self) -> Self:
        folder = self._folder
        for name in ("mon/a", "osd/0", "run", "log"):
            (folder / name).mkdir(parents=True)
        fsid, mon = str(uuid.uuid4()), _free_port()
        text = _CONFIGURATION.format(fsid=fsid, folder=folder, mon=mon, port=self.port)
        (folder / "ceph.conf").write_text(text)
        try:
            self._start(fsid, mon)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self, fsid: str, mon: int) -> None:
        monmap = self._folder / "run" / "monmap"
        self._call("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v1:127.0.0.1:{mon}]", str(monmap))
        self._call("ceph-mon", "--mkfs", "-i", "a", "--monmap", str(monmap))
        self._run("ceph-mon", "-i", "a", "-f")
        _until(lambda: self._asks("mon", "stat") is not None)
        disk = str(uuid.uuid4())
        _until(lambda: self._asks("osd", "new", disk) is not None)  # a monitor just up may not know its commands yet
        self._call("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk)
        osd = self._run("ceph-osd", "-i", "0", "-f")

        def osd_is_up() -> bool:
            nonlocal osd
            if osd.poll() is not None:  # its first command can overtake the monitor's map; then it ends
                osd = self._run("ceph-osd", "-i", "0", "-f")
            return "1 up" in (self._asks("osd", "stat") or "")

        _until(osd_is_up)
        self._run("radosgw", "-n", "client.rgw", "-f")
        _until(self._answers)
        keys = ("--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY)
        self._call("radosgw-admin", "-n", "client.rgw", "user", "create", "--uid=tests", "--display-name=tests", *keys)

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _call(self, program: str, *arguments: str) -> None:
        configured = () if program == "monmaptool" else ("-c", str(self._folder / "ceph.conf"))
        command = [program, *configured, *arguments]
        done = subprocess.run(command, capture_output=True, check=False, cwd=self._folder, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stderr.decode(errors='replace')[-2000:]}")

    def _asks(self, *arguments: str) -> str | None:
        command = ["ceph", "-c", str(self._folder / "ceph.conf"), "--connect-timeout", "5", *arguments]
        done = subprocess.run(command, capture_output=True, check=False, timeout=30)
        return done.stdout.decode() if done.returncode == 0 else None

    def _run(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        with (self._folder / f"{program}.out").open("ab") as output:
            process = subprocess.Popen(
                [program, "-c", str(self._folder / "ceph.conf"), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=2) as answer:
                return b"ListAllMy" in answer.read()
        except OSError:
            return False


def _until(condition: Callable[[], bool], seconds: float = 90.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise TimeoutError("a part of Ceph did not come up")
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
