"""Kafka: what a record becomes, what is refused, and connections that are encrypted or not let in."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from journeys import kafka_broker
from journeys.kafka_broker import Broker
from journeys.odd_servers import certificate
from journeys.ports import free_ports
from journeys.tls_front import TlsFront

from modelway_platform.insight.outputs.delivery import Delivery
from modelway_platform.insight.outputs.kafka.receiver import KafkaReceiver
from modelway_platform.insight.outputs.kafka.target import KafkaTarget
from modelway_platform.insight.outputs.receiver import AwayError
from modelway_platform.insight.outputs.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from conftest import Store

needs_tansu = pytest.mark.skipif(
    not kafka_broker.program(), reason="Tansu, a Kafka broker, is not installed (scripts/test-parts)"
)


@pytest.fixture
def broker(tmp_path: Path) -> Generator[Broker]:
    made = Broker.tansu(tmp_path) if kafka_broker.program() else Broker.mock()
    yield made
    made.close()


def delivery(store: Store, broker: Broker, name: str = "out", **more: Any) -> Delivery:
    given: dict[str, Any] = {"seconds": 5, **more}
    target = KafkaTarget(brokers=tuple(broker.brokers.split(",")), **given)
    return Delivery(store.delivering(name, kinds=("access", "inference")), KafkaReceiver(target, "here"))


def drain(what: Delivery) -> None:
    while what.turn():
        pass


def test_a_message_is_the_record_and_is_found_by_its_model(store: Store, broker: Broker) -> None:
    store.batch(1, status=503, code="overloaded", mirrored=True)
    store.batch(1, "inference", fields={"label": 7}, answer=[1.5], queue_us=5)
    store.batch(1, project="", model="")
    drain(delivery(store, broker))
    found = {(each.topic(), each.key() or b""): each for each in broker.messages()}
    assert set(found) == {
        ("modelway-access", b"vision/digits"),
        ("modelway-access", b""),
        ("modelway-inference", b"vision/digits"),
    }
    access = found["modelway-access", b"vision/digits"]
    assert json.loads(access.value() or b"") == {
        "time": store.start + 1, "request_id": "r1", "project": "vision", "model": "digits", "version": "v1", "status": 503,
        "code": "overloaded", "duration_us": 1, "method": "POST", "path": "/vision/digits/predict", "mirrored": True,
    }  # fmt: skip
    assert access.timestamp()[1] == int((store.start + 1) * 1000)
    inference = json.loads(found["modelway-inference", b"vision/digits"].value() or b"")
    assert (inference["fields"], inference["answer"], inference["queue_us"]) == ({"label": 7}, [1.5], 5)


def test_doubles_are_found_by_a_header(store: Store, broker: Broker) -> None:
    store.batch(12)
    drain(delivery(store, broker))
    drain(delivery(store, broker, "again"))
    uids = [str(dict(each.headers() or [])["modelway-uid"]) for each in broker.messages()]
    assert len(uids) == 24
    assert sorted(uids[:12]) == sorted(uids[12:])
    assert len(set(uids)) == 12


def test_a_record_that_is_too_large_takes_no_other_with_it(store: Store, broker: Broker) -> None:
    # Within what the collector takes, and over what a cluster does unless it is told otherwise; it does not compress.
    store.append(2)
    store.append(1, path="x" * 1_020_000)
    store.append(2)
    store.collect()
    out = delivery(store, broker, compression="none")
    drain(out)
    assert [each["request_id"] for each in broker.records()] == ["r1", "r2", "r4", "r5"]
    assert (out.position.sent, out.position.refused) == ({"access": 4}, {"access": 1})


@needs_tansu
def test_connections_are_encrypted_and_each_end_shows_its_certificate(store: Store, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "both")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.load_verify_locations(cert)
    context.verify_mode = ssl.CERT_REQUIRED
    ours = {"ssl.certificate.location": str(cert), "ssl.key.location": str(key)}
    (behind,) = free_ports(1)
    with TlsFront(context, behind) as front:
        client = {"security.protocol": "ssl", "ssl.ca.location": str(cert), **ours}
        broker = Broker.tansu(tmp_path, port=behind, front=front.port, client=client)
        try:
            ids = store.batch(5)
            known = {"cert_file": str(cert), "key_file": str(key)}
            for wrong in (known, {"ca_file": str(cert)}):  # theirs is of nobody known; ours is not shown
                with pytest.raises(AwayError):
                    delivery(store, broker, security="tls", seconds=2, **wrong).turn()
            out = delivery(store, broker, security="tls", ca_file=str(cert), **known)
            drain(out)
            out.close()
            assert [each["request_id"] for each in broker.records()] == ids
        finally:
            broker.close()


@needs_tansu
def test_whoever_is_not_let_in_loses_nothing_and_the_password_is_in_no_message(store: Store, tmp_path: Path) -> None:
    broker = Broker.tansu(tmp_path, "--authentication", topics=False)
    try:
        store.batch(5)
        word = tmp_path / "word"
        word.write_text("open sesame\n")
        out = delivery(store, broker, security="sasl", user="modelway", secret=Secret(file=str(word)), seconds=2)
        with pytest.raises(AwayError) as caught:
            out.turn()
        assert "sesame" not in str(caught.value)
        assert out.waiting().records == 5
        word.unlink()
        with pytest.raises(AwayError, match="secret_file"):
            out.turn()
    finally:
        broker.close()
