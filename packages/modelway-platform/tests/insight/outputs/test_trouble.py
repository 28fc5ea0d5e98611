"""What an output says of its trouble: where, why and what to do, in words, for every sort of output and of fault; never a secret."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb
import grpc
import pytest
from confluent_kafka import KafkaError
from journeys import kafka_broker
from journeys.kafka_broker import Broker
from journeys.odd_servers import Answering, OddServer, certificate
from journeys.otlp_receivers import GrpcReceiver, HttpReceiver
from journeys.output_destinations import InBucket
from journeys.ports import free_ports
from obstore.store import LocalStore

from modelway.packaging.store.open_store import open_store
from modelway_platform.insight.outputs.delivery import Delivery
from modelway_platform.insight.outputs.faults.connections import fault_of
from modelway_platform.insight.outputs.faults.fault import Fault
from modelway_platform.insight.outputs.faults.here import trouble_here
from modelway_platform.insight.outputs.faults.statuses import fault_of_status
from modelway_platform.insight.outputs.kafka.faults import fault_of_kafka, likelier
from modelway_platform.insight.outputs.kafka.receiver import KafkaReceiver
from modelway_platform.insight.outputs.kafka.target import KafkaTarget
from modelway_platform.insight.outputs.loop import OutputLoop
from modelway_platform.insight.outputs.otlp.output import OtlpOutput, OtlpSettings
from modelway_platform.insight.outputs.otlp.target import OtlpTarget
from modelway_platform.insight.outputs.parquet.objects import Objects
from modelway_platform.insight.outputs.port import OutputState
from modelway_platform.insight.outputs.receiver import AwayError
from modelway_platform.insight.outputs.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from conftest import Store

WORDS = re.compile(r"Error\b|Exception|errno|(?<![A-Z])_[A-Z]+|Traceback|0x|<Code>|sesame")
"""What belongs into no sentence for people: names of classes and codes, and the secret of these tests."""


def check(said: str, where: str, fault: Fault) -> None:
    """It says where, why and what to do, and nothing else."""
    assert said.startswith(f"{where}: ")
    why, advice = (each.partition("{")[0] for each in fault.value)
    assert f": {why}" in said, said
    assert f"; {advice}" in said, said
    assert not WORDS.search(said.replace(where, "")), said
    assert len(said) <= 500


def otlp(store: Store, endpoint: str, protocol: Any = "http", **more: Any) -> str:
    given: dict[str, Any] = {"seconds": 2, "secret": Secret(variable="OPEN_SESAME"), **more}
    target = OtlpTarget(endpoint=endpoint, protocol=protocol, **given)
    with pytest.raises(AwayError) as caught:
        OtlpOutput(OtlpSettings(target=target, service={}), store.delivering()).turn()
    return str(caught.value)


def kafka(store: Store, broker: str, **more: Any) -> str:
    given: dict[str, Any] = {"seconds": 1, **more}
    target = KafkaTarget(brokers=(broker,), **given)
    with pytest.raises(AwayError) as caught:
        Delivery(store.delivering(), KafkaReceiver(target, "here")).turn()
    return str(caught.value)


def bucket(url: str, act: Callable[[Objects], Any] = lambda objects: objects.replace("a", b"x")) -> str:
    keys = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "sesame", "AWS_REGION": "us-east-1"}
    address = "s3://records/all"
    objects = Objects(address, lambda: open_store(address, {**keys, "AWS_ENDPOINT_URL": url}).backend)
    with pytest.raises(AwayError) as caught:
        act(objects)
    return str(caught.value)


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    monkeypatch.setenv("OPEN_SESAME", "sesame")
    store.batch(1)


PROTOCOLS = pytest.mark.parametrize("protocol", ["http", "grpc"])


@PROTOCOLS
def test_nobody_listens_for_otlp(store: Store, protocol: str) -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    check(otlp(store, url, protocol), url, Fault.REFUSED)
    assert "endpoint in outputs.toml" in otlp(store, url, protocol)


@PROTOCOLS
def test_the_name_of_otlps_receiver_is_unknown(store: Store, protocol: str) -> None:
    check(otlp(store, "http://nosuch.invalid:4318", protocol), "http://nosuch.invalid:4318", Fault.NAME_UNKNOWN)


@PROTOCOLS
def test_otlps_receiver_is_silent(store: Store, protocol: str) -> None:
    with OddServer() as server:
        said = otlp(store, url := f"http://127.0.0.1:{server.port}", protocol, seconds=1)
    check(said, url, Fault.SILENT)
    assert "timeout_seconds is 1" in said


@pytest.mark.parametrize(
    ("says", "fault"), [(b"", Fault.CLOSED), (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Fault.ANOTHER_LANGUAGE)]
)
def test_something_else_answers_than_otlp_over_http(store: Store, says: bytes, fault: Fault) -> None:
    with OddServer(says) as server:
        check(otlp(store, url := f"http://127.0.0.1:{server.port}"), url, fault)


def test_something_else_answers_than_otlp_over_grpc(store: Store) -> None:
    with OddServer(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n") as server:
        check(otlp(store, url := f"http://127.0.0.1:{server.port}", "grpc"), url, Fault.ANOTHER_LANGUAGE)


@PROTOCOLS
def test_certificates_of_otlps_receiver(store: Store, protocol: str, tmp_path: Path) -> None:
    ours, others = certificate(tmp_path, "ours"), certificate(tmp_path, "others", of="DNS:other.example")
    with OddServer.with_certificate(ours) as server:
        url = f"https://127.0.0.1:{server.port}"
        check(otlp(store, url, protocol), url, Fault.CERTIFICATE)
        assert "as ca_file" in otlp(store, url, protocol)
        assert "correct ca_file" in otlp(store, url, protocol, ca_file=str(others[0]))
    with OddServer.with_certificate(others) as server:
        url = f"https://127.0.0.1:{server.port}"
        check(otlp(store, url, protocol, ca_file=str(others[0])), url, Fault.CERTIFICATE_OF_ANOTHER)
    with OddServer(b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        check(otlp(store, url := f"https://127.0.0.1:{server.port}", protocol), url, Fault.NO_TLS)


@PROTOCOLS
def test_a_file_of_certificates_that_cannot_be_used(store: Store, protocol: str, tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("junk")
    for file, why in (("absent", "there is no such file"), ("junk", "it has no PEM certificate")):
        said = otlp(store, "https://127.0.0.1:1", protocol, ca_file=str(tmp_path / file))
        assert said == f"ca_file cannot be read: {tmp_path / file}: {why}; correct it in outputs.toml"


def test_secrets_that_cannot_be_had(store: Store, tmp_path: Path) -> None:
    said = otlp(store, "http://127.0.0.1:1", secret=Secret(file=str(tmp_path / "absent")))
    assert f"{tmp_path / 'absent'}: there is no such file; correct the path" in said
    assert "SESAME is not set; set it" in otlp(store, "http://127.0.0.1:1", secret=Secret(variable="NO_SESAME"))
    (tmp_path / "two-lines").write_text("sesame\n\nX-More: 1")
    for protocol in ("http", "grpc"):
        said = otlp(store, "http://127.0.0.1:1", protocol, secret=Secret(file=str(tmp_path / "two-lines")))
        assert "may not be sent in a header; correct headers or secret_file" in said


HTTP_STATUSES = [
    (301, Fault.MOVED), (401, Fault.UNKNOWN_CALLER), (403, Fault.FORBIDDEN), (404, Fault.NO_SUCH_TARGET),
    (405, Fault.ANOTHER_LANGUAGE), (500, Fault.BROKEN), (502, Fault.OVERLOADED), (503, Fault.OVERLOADED), (507, Fault.FULL),
    (418, Fault.UNUSUAL), (599, Fault.BROKEN),
]  # fmt: skip


@pytest.mark.parametrize(("status", "fault"), HTTP_STATUSES)
def test_statuses_of_otlp_over_http(store: Store, status: int, fault: Fault) -> None:
    with Answering(status, b"sesame") as server:
        said = otlp(store, url := f"http://127.0.0.1:{server.port}")
    check(said, url, fault)
    assert f"(status {status})" in said


def test_who_asks_to_come_back_later_is_heard(store: Store) -> None:
    with Answering(429, headers={"retry-after": "7"}) as server:
        said = otlp(store, url := f"http://127.0.0.1:{server.port}")
    check(said, url, Fault.TOO_OFTEN)
    assert "(status 429, ask again in 7 s)" in said
    receiver = GrpcReceiver()
    receiver.heard.answers = [(grpc.StatusCode.RESOURCE_EXHAUSTED, 9)]
    said = otlp(store, receiver.endpoint, "grpc")
    receiver.close()
    assert f"{receiver.endpoint}: it takes no more at this rate (RESOURCE_EXHAUSTED, ask again in 9 s); " in said


@pytest.mark.parametrize(("status", "fault"), [(400, Fault.MALFORMED), (415, Fault.MALFORMED)])
def test_why_every_record_is_refused(store: Store, status: int, fault: Fault) -> None:
    store.batch(10)
    with Answering(status) as server:
        target = OtlpTarget(endpoint=f"http://127.0.0.1:{server.port}")
        output = OtlpOutput(OtlpSettings(target=target, service={}), store.delivering())
        output.turn()  # one record alone is believed
        with pytest.raises(AwayError) as caught:
            output.turn()
    said = str(caught.value)
    assert said.startswith("it refuses every record: ")
    check(said.removeprefix("it refuses every record: "), target.endpoint, fault)


GRPC_CODES = [
    (grpc.StatusCode.UNAUTHENTICATED, Fault.UNKNOWN_CALLER), (grpc.StatusCode.PERMISSION_DENIED, Fault.FORBIDDEN),
    (grpc.StatusCode.UNIMPLEMENTED, Fault.NO_SUCH_TARGET), (grpc.StatusCode.UNAVAILABLE, Fault.OVERLOADED),
    (grpc.StatusCode.INTERNAL, Fault.BROKEN), (grpc.StatusCode.DEADLINE_EXCEEDED, Fault.SILENT),
]  # fmt: skip


@pytest.mark.parametrize(("code", "fault"), GRPC_CODES)
def test_statuses_of_otlp_over_grpc(store: Store, code: grpc.StatusCode, fault: Fault) -> None:
    receiver = GrpcReceiver()
    try:
        receiver.heard.answers = [(code, None)]
        said = otlp(store, receiver.endpoint, "grpc")
    finally:
        receiver.close()
    check(said.replace(f" ({code.name})", ""), receiver.endpoint, fault)
    assert f"({code.name})" in said


def test_nobody_listens_for_kafka(store: Store) -> None:
    broker = f"127.0.0.1:{free_ports(1)[0]}"
    check(kafka(store, broker), broker, Fault.REFUSED)


def test_the_name_of_a_broker_is_unknown(store: Store) -> None:
    check(kafka(store, "nosuch.invalid:9092"), "nosuch.invalid:9092", Fault.NAME_UNKNOWN)


def test_a_broker_is_silent_or_closes(store: Store) -> None:
    with OddServer() as server:
        check(kafka(store, broker := f"127.0.0.1:{server.port}"), broker, Fault.SILENT)
    with OddServer(b"") as server:
        said = kafka(store, broker := f"127.0.0.1:{server.port}")
    check(said, broker, Fault.CLOSED)
    assert "security is plaintext" in said


def test_certificates_of_a_broker(store: Store, tmp_path: Path) -> None:
    ours, others = certificate(tmp_path, "ours"), certificate(tmp_path, "others", of="DNS:other.example")
    with OddServer.with_certificate(ours) as server:
        check(kafka(store, broker := f"127.0.0.1:{server.port}", security="tls"), broker, Fault.CERTIFICATE)
    with OddServer.with_certificate(others) as server:
        broker = f"127.0.0.1:{server.port}"
        # librdkafka tells a certificate of another name from an unknown one in no way.
        check(kafka(store, broker, security="tls", ca_file=str(others[0])), broker, Fault.CERTIFICATE)
    assert "correct ca_file, cert_file and key_file" in kafka(store, broker, security="tls", ca_file="/absent")


KAFKA_CODES = [
    ("UNKNOWN_TOPIC_OR_PART", Fault.NO_SUCH_TARGET), ("_UNKNOWN_TOPIC", Fault.NO_SUCH_TARGET),
    ("TOPIC_AUTHORIZATION_FAILED", Fault.FORBIDDEN), ("_AUTHENTICATION", Fault.UNKNOWN_CALLER),
    ("NOT_ENOUGH_REPLICAS", Fault.OVERLOADED), ("KAFKA_STORAGE_ERROR", Fault.FULL), ("_MSG_TIMED_OUT", Fault.SILENT),
    ("THROTTLING_QUOTA_EXCEEDED", Fault.TOO_OFTEN), ("OUT_OF_ORDER_SEQUENCE_NUMBER", Fault.UNUSUAL),
]  # fmt: skip


@pytest.mark.parametrize(("code", "fault"), KAFKA_CODES)
def test_codes_of_kafka(code: str, fault: Fault) -> None:
    """No broker that can be had for tests refuses a topic: each makes those that it is asked for."""
    assert fault_of_kafka(KafkaError(getattr(KafkaError, code))) is fault


def test_what_connections_said_is_said_of_messages_that_were_not_taken_in_time() -> None:
    assert likelier(Fault.SILENT, Fault.REFUSED) is Fault.REFUSED
    assert likelier(Fault.CLOSED, Fault.CERTIFICATE) is Fault.CERTIFICATE
    assert likelier(Fault.SILENT, Fault.CLOSED) is Fault.CLOSED
    assert likelier(Fault.NO_SUCH_TARGET, Fault.REFUSED) is Fault.NO_SUCH_TARGET
    assert likelier(Fault.SILENT, None) is Fault.SILENT


@pytest.mark.skipif(not kafka_broker.program(), reason="Tansu, a Kafka broker, is not installed (scripts/test-parts)")
def test_a_broker_does_not_know_us(store: Store, tmp_path: Path) -> None:
    broker = Broker.tansu(tmp_path, "--authentication", topics=False)
    try:
        more = {"security": "sasl", "user": "modelway", "secret": Secret(variable="OPEN_SESAME")}
        said = kafka(store, broker.brokers, seconds=4, **more)
    finally:
        broker.close()
    check(said, broker.brokers, Fault.UNKNOWN_CALLER)


def test_nobody_listens_for_s3() -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    check(bucket(url), "s3://records/all", Fault.REFUSED)


def test_the_name_of_a_bucket_is_unknown() -> None:
    check(bucket("http://nosuch.invalid:9000"), "s3://records/all", Fault.NAME_UNKNOWN)


def test_certificates_of_a_bucket(tmp_path: Path) -> None:
    with OddServer.with_certificate(certificate(tmp_path, "ours")) as server:
        check(bucket(f"https://127.0.0.1:{server.port}"), "s3://records/all", Fault.CERTIFICATE)
    with OddServer(b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        check(bucket(f"https://127.0.0.1:{server.port}"), "s3://records/all", Fault.NO_TLS)


S3_ANSWERS = [
    (401, "", Fault.UNKNOWN_CALLER), (403, "AccessDenied", Fault.FORBIDDEN), (403, "SignatureDoesNotMatch", Fault.UNKNOWN_CALLER),
    (403, "InvalidAccessKeyId", Fault.UNKNOWN_CALLER), (403, "RequestTimeTooSkewed", Fault.CLOCK), (403, "", Fault.FORBIDDEN),
    (404, "NoSuchBucket", Fault.NO_SUCH_TARGET), (404, "", Fault.NO_SUCH_TARGET), (301, "PermanentRedirect", Fault.MOVED),
    (400, "Whatever", Fault.MALFORMED),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code", "fault"), S3_ANSWERS)
def test_answers_of_s3(status: int, code: str, fault: Fault) -> None:
    body = f"<Error><Code>{code}</Code><Message>sesame</Message></Error>".encode() if code else b""
    with Answering(status, body) as server:
        said = bucket(f"http://127.0.0.1:{server.port}")
    check(said.replace(f" ({code})", ""), "s3://records/all", fault)


def test_a_bucket_that_there_is_not(store: Store, tmp_path: Path) -> None:
    place = InBucket(tmp_path)
    place.bucket = "nosuch"
    try:
        with pytest.raises(AwayError) as caught:
            place.open_as(store.delivering())
    finally:
        place.close()
    check(str(caught.value).replace(" (NoSuchBucket)", ""), "s3://nosuch/all", Fault.NO_SUCH_TARGET)
    assert "no such bucket as nosuch" in str(caught.value)


def test_a_bucket_lists_nothing_where_there_is_none() -> None:
    with Answering(404, b"<Error><Code>NoSuchBucket</Code></Error>") as server:
        url = f"http://127.0.0.1:{server.port}"
        assert "it has no such bucket as records" in bucket(url, lambda each: each.sizes())
        assert "it has no such bucket as records" in bucket(url, lambda each: each.get("a"))


@contextmanager
def small_disk(folder: Path) -> Generator[Path]:
    """One that is full."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("a disk of its own needs root")
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("a disk of its own needs CAP_SYS_ADMIN")
    try:
        with pytest.raises(OSError, match="No space left"):
            (folder / "filler").write_bytes(bytes(1 << 20))
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def folder_says(folder: Path) -> str:
    objects = Objects(f"file://{folder}", lambda: LocalStore(folder))
    with pytest.raises(AwayError) as caught:
        objects.replace("a", bytes(100_000))
    return str(caught.value)


def test_a_folder_elsewhere_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as folder:
        check(folder_says(folder), f"file://{folder}", Fault.FULL)


def test_a_folder_elsewhere_is_not_as_it_should_be(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.write_text("in the way")
    said = folder_says(folder)
    assert (
        said
        == f"file://{folder}: something in its path is no folder; see whether it is mounted, and its owner and permissions"
    )


def test_the_platforms_own_disk_is_full(store: Store, tmp_path: Path) -> None:
    """Sending without noting how far would send everything again, for ever."""
    receiver = HttpReceiver()
    try:
        with small_disk(store.outputs / "small") as folder:
            target = OtlpTarget(endpoint=receiver.endpoint)
            delivering = store.delivering("small/out")
            output = OtlpOutput(OtlpSettings(target=target, service={}), delivering)
            with pytest.raises(OSError, match="No space left") as caught:
                output.turn()
            assert "the platform's own disk is full" in trouble_here(caught.value)
            (folder / "filler").unlink()
            output.turn()
            assert output.state().sent == {"access": 1}
            output.close()
    finally:
        receiver.close()


HERE: list[tuple[Exception, str]] = [
    (PermissionError(13, "x", "logs/a"), "logs/a: the platform's user may not use it; see owner"),
    (OSError(30, "x", "logs/a"), "logs/a: its disk may only be read; see"),
    (duckdb.IOException("IO Error: could not write: No space left on device"), "own disk is full"),
    (duckdb.IOException("IO Error: bad file"), "collected records cannot be read"),
    (sqlite3.OperationalError("database or disk is full"), "own disk is full"),
    (sqlite3.DatabaseError("malformed"), "the ledger of the collected records cannot be used (SQLite); see"),
    (KeyError("sesame"), "it ended unexpectedly (KeyError); see logs/outputs.log"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "said"), HERE)
def test_what_is_wrong_on_this_machine(error: Exception, said: str) -> None:
    assert said in trouble_here(error)
    assert "sesame" not in trouble_here(error)


def test_a_loop_says_it_as_the_output_does() -> None:
    class Broken:
        def turn(self) -> bool:
            raise PermissionError(13, "x", "ledger.db")

        def state(self) -> OutputState:
            return OutputState(what="otlp")

        def close(self) -> None:
            pass

    loop = OutputLoop("broken", "otlp", Broken, idle=0.01)
    loop.start()
    try:
        for _ in range(3000):
            if loop.state().failing:
                break
            loop.join(0.01)
        assert loop.state().failing.startswith("ledger.db: the platform's user may not use it; see owner")
    finally:
        loop.ask_to_stop()
        assert loop.join(30)


def test_every_fault_has_words_and_every_status_a_fault() -> None:
    for each in Fault:
        assert all(each.value)
    assert {fault_of_status(status) for status in range(300, 400)} == {Fault.MOVED}
    assert all(isinstance(fault_of_status(status), Fault) for status in range(600))


def test_the_systems_error_at_the_root_decides() -> None:
    told = RuntimeError("timed out, perhaps")
    told.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert fault_of(told) is Fault.REFUSED
    assert fault_of(socket.gaierror(-2, "x")) is Fault.NAME_UNKNOWN
    assert fault_of(OSError(113, "No route to host")) is Fault.UNREACHABLE
    assert fault_of(ValueError("whatever")) is Fault.UNUSUAL
