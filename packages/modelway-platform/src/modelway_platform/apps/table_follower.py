"""The process that keeps a gateway's route table equal to that of a control elsewhere, and sends it the access log; stands in for control there.

It waits for a newer table over HTTP, checks it as workers do, and writes it to this machine's disk, where the workers look.
Without control it waits and tries again: the last good table stays, over restarts too.
"""

import argparse
import hashlib
import os
import re
import select
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelway.client.connection import Server
from modelway.client.http_client import HttpClient, Timeouts
from modelway.client.record_receiver import RecordReceiver
from modelway.errors import ModelwayError, NotFoundError
from modelway.serving.observing.shipper import Shipper
from modelway.serving.observing.shipping import Shipping
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.domain.deployments.scale_decision import STALE_SECONDS
from modelway_platform.domain.table.split_table import SplitTable
from modelway_platform.store.files.acknowledgements import read_acknowledgements
from modelway_platform.store.files.load_reports import Bell, WorkerLoad, read_loads
from modelway_platform.store.files.table_file import InvalidTableError, TableReader, TableWriter

KEY_VARIABLE = "MODELWAY_GATEWAY_KEY"
WAIT_SECONDS = 20.0
SAY_SECONDS = 1.0
AGAIN_SECONDS = 0.5
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]|^[^A-Za-z0-9]")


class Follower:
    """Fetches table after table.

    Args:
        http: Control.
        path: Where this machine's table lies.
        name: What this gateway is called at control.
    """

    def __init__(self, http: HttpClient, path: Path, name: str) -> None:
        self._http = http
        self._path = path
        self._name = name
        self._reader = TableReader(path, self._fetch_part)
        self._writer = TableWriter(path)
        self._number = _number_at(path)

    def follow_once(self) -> bool:
        """Waits for a newer table and takes it; whether there was one.

        Raises:
            ModelwayError: Control cannot be reached, refuses, or has a table that is not fit.
        """
        query = {"after": str(self._number), "wait": f"{WAIT_SECONDS:g}"}
        answer = self._http.request("GET", "/v1/route-table", query=query)
        if answer.status == 204:
            return False
        table: SplitTable = self._reader.decode(answer.body)
        self._writer.write(table)
        self._number = table.number
        return True

    def say(self) -> None:
        """Tells control what the workers here say of their table.

        Raises:
            ModelwayError: It cannot be reached or refuses.
        """
        workers = [msgspec.to_builtins(each) for each in read_acknowledgements(self._path.parent)]
        load = [_load_json(word) for age, word in read_loads(self._path.parent) if age < STALE_SECONDS]
        body = msgspec.json.encode({"workers": workers, "load": load})
        headers = {"Content-Type": "application/json"}
        self._http.request("PUT", f"/v1/route-table/gateways/{self._name}", body=body, headers=headers)

    def _fetch_part(self, digest: str) -> bytes:
        try:
            return self._http.request("GET", f"/v1/route-table/parts/{digest}").body
        except NotFoundError:
            raise FileNotFoundError(digest) from None


def _load_json(word: WorkerLoad) -> dict[str, Any]:
    """As proto/modelway/v1 has it."""
    versions = [
        {
            "name": each.name,
            "inFlight": each.in_flight,
            "held": each.held,
            "active": each.active,
            "refused": each.refused,
        }
        for each in word.versions
    ]
    return {"worker": word.worker, "versions": versions}


def _number_at(path: Path) -> int:
    try:
        return TableReader(path).read().number
    except (OSError, InvalidTableError):
        return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Follows until the supervisor ends or says stop."""
    parser = argparse.ArgumentParser(prog="modelway-table-follower")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--control", required=True)
    parser.add_argument("--name", default=socket.gethostname())
    parser.add_argument("--lifeline", type=int, required=True)
    given = parser.parse_args(arguments)
    directory = StateDirectory(root=given.directory)
    server = Server(url=given.control, key=os.environ.get(KEY_VARIABLE, ""))
    http = HttpClient(server.url, headers=server.headers, timeouts=Timeouts(silence=WAIT_SECONDS + 10))
    follower = Follower(http, directory.table, given.name)
    threading.Thread(target=_end_with_supervisor, args=(given.lifeline,), daemon=True).start()
    threading.Thread(target=_say_forever, args=(follower, directory.gateway), daemon=True).start()
    sending = HttpClient(server.url, headers=server.headers)
    Shipping(Shipper(directory.access_logs, RecordReceiver(sending, "access", _origin(directory, given.name))), _say)
    problem = ""
    while True:
        try:
            follower.follow_once()
            problem = ""
        except ModelwayError as error:
            if error.message != problem:  # once, not twice a second
                problem = error.message
                _say(f"the route table stays as it is: {error.message}")
            time.sleep(AGAIN_SECONDS)


def _say(text: str) -> None:
    print(f"gateway: {text}", file=sys.stderr)  # noqa: T201 - its supervisor's terminal


def _origin(directory: StateDirectory, name: str) -> str:
    """Its name, and what tells it from another of that name: both would write segments of the same names."""
    return f"{_NO_NAME.sub('-', name)[:80]}-{hashlib.sha256(directory.instance().encode()).hexdigest()[:12]}"


def _say_forever(follower: Follower, folder: Path) -> None:
    bell = Bell(folder)
    while True:
        select.select([bell.descriptor], [], [], SAY_SECONDS)  # at once when a worker holds its first request
        bell.hear()
        try:
            follower.say()
        except ModelwayError:
            continue  # control is away; `follow_once` says so


def _end_with_supervisor(lifeline: int) -> None:
    select.select([lifeline], [], [])
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
