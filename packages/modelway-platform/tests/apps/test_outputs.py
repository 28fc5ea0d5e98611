"""The outputs' process: its file, that it goes on after a kill, follows changes, and that a receiver that hangs holds up no other."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from journeys.otlp_receivers import HttpReceiver

from modelway.errors import InvalidRequestError
from modelway_platform.apps.collector import settings_from
from modelway_platform.apps.output_places import older_records
from modelway_platform.apps.output_settings import read_outputs
from modelway_platform.apps.outputs import Around, outputs_of
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.deploy.api.wire.exposition import families
from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS
from modelway_platform.insight.outputs.state import (
    OutputsState,
    output_gauges,
    outputs_state_file,
    read_outputs_state,
)


def until(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Running:
    """The process over one state directory."""

    def __init__(self, directory: StateDirectory) -> None:
        self._directory = directory
        self._lifeline, self._held = os.pipe()
        arguments = ("--directory", str(directory.root), "--lifeline", str(self._lifeline))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "modelway_platform.apps.outputs", *arguments], pass_fds=(self._lifeline,)
        )

    def state(self) -> OutputsState:
        return read_outputs_state(outputs_state_file(self._directory.outputs))

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()
            os.close(self._lifeline)
            os.close(self._held)


@pytest.fixture
def directory(tmp_path: Path) -> StateDirectory:
    found = StateDirectory(root=tmp_path / "home")
    found.make()
    return found


@pytest.fixture
def receiver() -> Generator[HttpReceiver]:
    made = HttpReceiver()
    yield made
    made.close()


class Collected:
    """Records that the platform's own collector takes."""

    def __init__(self, directory: StateDirectory) -> None:
        self._directory = directory
        self._number = 0

    def batch(self, many: int) -> list[str]:
        ids = [f"r{self._number + each}" for each in range(many)]
        self._number += many
        with (self._directory.access_logs / "worker-0-1.ndjson").open("ab") as file:
            file.writelines(
                json.dumps({"time": time.time(), "request_id": each, "project": "p"}).encode() + b"\n" for each in ids
            )
        settings = settings_from(self._directory, {}, lifeline=None)
        collector = Collector(
            StoreFolder(settings.folder), settings.sources, settings.keeping, holding=settings.holding
        )
        while collector.collect():
            pass
        collector.let_go()
        collector.close()
        return ids


@pytest.fixture
def collected(directory: StateDirectory) -> Collected:
    return Collected(directory)


def entry(name: str, endpoint: str, more: str = "") -> str:
    return f'[[output]]\nname = "{name}"\nkind = "otlp"\nendpoint = "{endpoint}"\nmetrics_seconds = 0\n{more}\n'


def kafka(more: str) -> str:
    return f'[[output]]\nname = "k"\nkind = "kafka"\n{more}\n'


def parquet(address: str, more: str = "") -> str:
    return f'[[output]]\nname = "p"\nkind = "parquet"\naddress = "{address}"\n{more}\n'


def test_it_goes_on_after_a_kill_and_loses_nothing(
    directory: StateDirectory, receiver: HttpReceiver, collected: Collected
) -> None:
    directory.outputs_file.write_text(entry("here", receiver.endpoint))
    ids = collected.batch(2000)
    running = Running(directory)
    until(lambda: len(receiver.heard.request_ids()) > 500)
    running.end(signal.SIGKILL)
    ids += collected.batch(100)
    running = Running(directory)
    try:
        until(lambda: set(receiver.heard.request_ids()) == set(ids))
        until(lambda: running.state().outputs["here"].sent == {"access": 2100})
        assert running.state().outputs["here"].waiting == 0
    finally:
        assert running.end() == 0
    assert len(receiver.heard.request_ids()) - len(ids) <= 512  # the piece that was under way


def test_a_receiver_that_hangs_holds_up_no_other(
    directory: StateDirectory, receiver: HttpReceiver, collected: Collected
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never says a word
        directory.outputs_file.write_text(
            entry("hangs", f"http://127.0.0.1:{silent.getsockname()[1]}", "timeout_seconds = 1")
            + entry("here", receiver.endpoint)
        )
        ids = collected.batch(10)
        running = Running(directory)
        try:
            until(lambda: receiver.heard.request_ids() == ids)
            ids += collected.batch(10)
            until(lambda: receiver.heard.request_ids() == ids)
            until(lambda: "it did not answer in time" in running.state().outputs["hangs"].failing)
            until(lambda: running.state().outputs["here"].sent == {"access": 20})  # what was sent is said afterwards
            page = output_gauges(running.state(), time.time())
            assert page['modelway_output_failing{output="hangs"}'] == 1
            assert page['modelway_output_lag_seconds{output="hangs"}'] > 0
            assert page['modelway_output_waiting_records{output="hangs"}'] > 0
            assert page['modelway_output_failing{output="here"}'] == 0
            assert page['modelway_output_sent_records_total{output="here",kind="access"}'] == 20
        finally:
            assert running.end() == 0


def test_changes_of_the_file_are_followed_and_a_bad_one_changes_nothing(
    directory: StateDirectory, receiver: HttpReceiver, collected: Collected
) -> None:
    running = Running(directory)
    try:
        until(lambda: running.state().at > 0)
        assert running.state().outputs == {}
        directory.outputs_file.write_text(entry("here", receiver.endpoint))
        ids = collected.batch(5)
        until(lambda: receiver.heard.request_ids() == ids)
        directory.outputs_file.write_text("[[output]]\nname = 'here'\n")
        until(lambda: running.state().failing != "")
        assert "kind" in running.state().failing
        ids += collected.batch(5)
        until(lambda: receiver.heard.request_ids() == ids)
        directory.outputs_file.write_text(entry("here", receiver.endpoint, 'headers = ["X-Tenant: b"]'))
        until(lambda: running.state().failing == "")
        ids += collected.batch(5)
        until(lambda: receiver.heard.request_ids() == ids)
        until(lambda: receiver.heard.headers[-1].get("x-tenant") == "b")
        directory.outputs_file.unlink()
        until(lambda: running.state().outputs == {})
    finally:
        assert running.end() == 0


def test_metrics_of_outputs_are_as_prometheus_wants_them(directory: StateDirectory, receiver: HttpReceiver) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    directory.outputs_file.write_text(entry("here", receiver.endpoint).replace("seconds = 0", "seconds = 1"))
    Collected(directory).batch(3)
    running = Running(directory)
    try:
        until(lambda: bool((each := running.state().outputs.get("here")) and each.sent and each.more))
        text = "\n".join(families(output_gauges(running.state(), time.time()))) + "\n"
    finally:
        running.end()
    assert "See the documentation." not in text
    said = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


WRONG = [
    ("waiting_gib = 0", "waiting_gib"),
    ("[[output]]\nkind = 'otlp'\nendpoint = 'http://x'", "name: is missing"),
    ("[[output]]\nname = '../x'\nkind = 'otlp'\nendpoint = 'http://x'", "name: write"),
    ("[[output]]\nname = 'x'\nkind = 'carrier-pigeon'", "kind: is one of"),
    (entry("x", "ftp://x"), "endpoint: write"),
    (entry("x", "http://user:word@x"), "secret_file"),
    (entry("x", "http://x/path", "protocol = 'grpc'"), "gRPC has no path"),
    (entry("x", "http://x", "protocol = 'smtp'"), "protocol"),
    (entry("x", "http://x", "headers = ['no colon']"), "headers"),
    (entry("x", "http://x", 'headers = ["a: b\\u000d\\u000ac: d"]'), "headers"),
    (entry("x", "http://x", "records = ['everything']"), "records"),
    (entry("x", "http://x", "secret_file = 'a'\nsecret_variable = 'b'"), "not both"),
    (entry("x", "http://x", "endpiont = 'y'"), "unknown field 'endpiont'"),
    (entry("x", "http://x") + entry("x", "http://y"), "name of another output"),
    (entry("x", "http://x", "timeout_seconds = 0.1"), "timeout_seconds"),
    (kafka(""), "brokers"),
    (kafka('brokers = ["x"]'), "host:port"),
    (kafka('brokers = ["x:1"]\ntopic = "a b"'), "topic"),
    (kafka('brokers = ["x:1"]\nsecurity = "sasl"'), "SASL needs user"),
    (kafka('brokers = ["x:1"]\nuser = "u"\nsecret_file = "f"'), "SASL needs user"),
    (kafka('brokers = ["x:1"]\ncert_file = "c"'), "key_file"),
    (kafka('brokers = ["x:1"]\ncompression = "rar"'), "compression: is one of"),
    (parquet("s3://bucket"), "address"),
    (parquet("ftp://x/y"), "address"),
    (parquet("s3://b1/p", "keep_days = 0"), "keep_days"),
    (parquet("s3://b1/p", "cache_gib = 0"), "cache_gib"),
    (parquet("s3://b1/p", "payloads = false"), "unknown field 'payloads'"),
    (parquet("s3://b1/p", 'take_over = "yes"'), "take_over"),
    ("[[output", "outputs.toml"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_in_the_file_is_said_with_its_place(directory: StateDirectory, text: str, said: str) -> None:
    directory.outputs_file.write_text(text)
    with pytest.raises(InvalidRequestError) as caught:
        read_outputs(directory.outputs_file)
    assert said in caught.value.message
    assert "outputs.toml" in caught.value.message
    assert "word" not in caught.value.message.replace("password", "")


def test_equal_settings_make_no_new_output(directory: StateDirectory) -> None:
    around = Around(directory=directory)
    directory.outputs_file.write_text(entry("x", "http://x", "headers = ['a: b']"))
    first, second = outputs_of(around), outputs_of(around)
    assert first == second
    directory.outputs_file.write_text(entry("x", "http://x", "headers = ['a: c']"))
    assert outputs_of(around) != first


def test_the_collector_holds_for_outputs_what_they_need(directory: StateDirectory, collected: Collected) -> None:
    settings = settings_from(directory, {}, lifeline=None)
    assert settings.holding is not None
    assert settings.holding.now().needed is None
    directory.outputs_file.write_text("waiting_gib = 0.5\n" + entry("x", "http://x"))
    held = settings.holding.now()
    assert (held.needed, held.octets) == (1, 1 << 29)
    directory.outputs_file.write_text("not toml")
    assert settings.holding.now().needed == 0  # nobody knows: everything


def test_the_examples_of_the_page_are_right(directory: StateDirectory) -> None:
    page = (Path(__file__).parents[4] / "docs" / "outputs.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert examples
    for each in examples:
        directory.outputs_file.write_text(each)
        assert read_outputs(directory.outputs_file).outputs


def test_a_folder_elsewhere_gets_the_store_by_the_file_alone(directory: StateDirectory, collected: Collected) -> None:
    elsewhere = directory.root.parent / "elsewhere"
    directory.outputs_file.write_text(parquet(f"file://{elsewhere}", "every_seconds = 0"))
    collected.batch(7)
    running = Running(directory)
    try:
        until(lambda: bool((each := running.state().outputs.get("p")) and each.sent.get("access") == 7))
        page = output_gauges(running.state(), time.time())
    finally:
        assert running.end() == 0
    assert page['modelway_output_objects{output="p"}'] == 1
    (found,) = elsewhere.glob("access/project=p/date=*/hour=*/*.parquet")
    older = older_records(directory)
    assert [path.read_bytes() for _, path in older.files(ACCESS, 0.0, time.time(), lambda: None)] == [
        found.read_bytes()
    ]
    directory.outputs_file.unlink()
    assert older.files(ACCESS, 0.0, time.time(), lambda: None) == []
