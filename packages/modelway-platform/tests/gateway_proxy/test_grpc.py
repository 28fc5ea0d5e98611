"""Calls over gRPC through a real worker to real gRPC servers; methods and messages are anything."""

import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any, cast

import grpc
import pytest

from modelway_platform.domain.access.limits import RateLimit, UsageLimits
from modelway_platform.domain.deployments.autoscale import ScalingEntry
from modelway_platform.domain.routing.payload_policy import NO_PAYLOADS, PayloadPolicy, carried
from modelway_platform.domain.table.route_table import KeyEntry, ModelEntry, ReplicaEntry, RouteTable, VersionEntry
from modelway_platform.gateway.proxy.rpc.heads import forwarded, pairs_of, request_of
from modelway_platform.gateway.proxy.rpc.listener import RpcListener
from modelway_platform.store.files.table_file import write_table

KEY = "mw_caller"


class GrpcReplica:
    """A server of one service with a method of each kind; it remembers metadata."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[dict[str, Any]] = []
        self.gone = threading.Event()
        self.started = threading.Event()
        self.flooded = 0
        self.server: Any = grpc.server(ThreadPoolExecutor(8))
        make = cast("Any", grpc)
        methods = {
            "Echo": make.unary_unary_rpc_method_handler(self.echo),
            "Fail": make.unary_unary_rpc_method_handler(self.fail),
            "Wait": make.unary_unary_rpc_method_handler(self.wait),
            "Flood": make.unary_stream_rpc_method_handler(self.flood),
            "Count": make.unary_stream_rpc_method_handler(self.count),
            "Join": make.stream_unary_rpc_method_handler(self.join),
            "Chat": make.stream_stream_rpc_method_handler(self.chat),
        }
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.Any", methods),))
        self.port: int = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def echo(self, body: bytes, context: Any) -> bytes:
        self.seen.append(dict(context.invocation_metadata()))
        remaining = context.time_remaining()
        context.send_initial_metadata((("first", "yes"),))
        context.set_trailing_metadata((("last", "yes"), ("has-time", str(remaining is not None and remaining < 100))))
        return self.name.encode() + b":" + body

    def fail(self, body: bytes, context: Any) -> bytes:
        context.set_trailing_metadata((("modelway-code", "invalid_input"), ("detail-bin", b"\x00\xff")))
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "row 0: no")
        raise AssertionError

    def wait(self, body: bytes, context: Any) -> bytes:
        context.add_callback(self.gone.set)
        self.started.set()
        self.gone.wait(20)
        return b""

    def count(self, body: bytes, context: Any) -> Iterator[bytes]:
        for number in range(int(body)):
            yield b"%d" % number

    def flood(self, body: bytes, context: Any) -> Iterator[bytes]:
        while not self.gone.is_set():
            self.flooded += 1
            yield bytes(1 << 16)

    def join(self, bodies: Iterator[bytes], context: Any) -> bytes:
        return b",".join(bodies)

    def chat(self, bodies: Iterator[bytes], context: Any) -> Iterator[bytes]:
        for body in bodies:
            yield body.upper()

    def stop(self) -> None:
        self.server.stop(0).wait(10)


class Setup:
    def __init__(self, gateway: Any) -> None:
        self.gateway = gateway
        self.listener: RpcListener = gateway.run(self._made())
        self.port: int = gateway.run(self.listener.start("127.0.0.1", 0, ()))
        self.channel: Any = grpc.insecure_channel(f"127.0.0.1:{self.port}", [("grpc.max_send_message_length", -1)])
        self.replicas: list[GrpcReplica] = []

    async def _made(self) -> RpcListener:
        return RpcListener(self.gateway.worker, None)

    def replica(self, name: str = "a") -> GrpcReplica:
        self.replicas.append(GrpcReplica(name))
        return self.replicas[-1]

    def table(
        self, versions: dict[str, tuple[int, list[int]]], *, scaling: ScalingEntry | None = None, **usual: Any
    ) -> None:
        entry: dict[str, Any] = {
            "access": "key",
            "idempotent": False,
            "timeout_seconds": 8.0,
            "max_body_bytes": 1 << 20,
        }
        model = ModelEntry(
            project="p",
            model="m",
            versions=tuple(
                VersionEntry(
                    version=name,
                    weight=weight,
                    scaling=scaling,
                    replicas=tuple(
                        ReplicaEntry(id=f"{name}-{port}", host="127.0.0.1", port=1, grpc_port=port) for port in ports
                    ),
                )
                for name, (weight, ports) in versions.items()
            ),
            **{**entry, **usual},
        )
        key = KeyEntry(id="k1", name="k1", role="caller", sha256=sha256(KEY.encode()).hexdigest())
        self.gateway.number += 1
        write_table(self.gateway.table_path, RouteTable(number=self.gateway.number, models=(model,), keys=(key,)))
        self.gateway.call(self.gateway.watch.look)

    def metadata(self, model: str = "p/m", *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
        return (("modelway-model", model), ("authorization", f"Bearer {KEY}"), *more)

    def echo(self, body: bytes = b"x", metadata: Any = None, method: str = "Echo", **options: Any) -> bytes:
        call = self.channel.unary_unary(f"/t.Any/{method}")
        return call(body, metadata=self.metadata() if metadata is None else metadata, timeout=10, **options)

    def refusal(self, *arguments: Any, **options: Any) -> tuple[grpc.StatusCode, str]:
        with pytest.raises(grpc.RpcError) as caught:
            self.echo(*arguments, **options)
        error: Any = caught.value
        lines = dict(error.trailing_metadata())
        return error.code(), lines.get("modelway-code", "")

    def close(self) -> None:
        self.channel.close()
        self.gateway.run(self.listener.drain(0))
        for each in self.replicas:
            each.gone.set()
            each.stop()


@pytest.fixture
def setup(gateway: Any) -> Generator[Setup, None, None]:
    made = Setup(gateway)
    yield made
    made.close()


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_every_kind_of_method_passes(setup: Setup) -> None:
    replica = setup.replica()
    setup.table({"v1": (1, [replica.port])})
    assert setup.echo(b"hi") == b"a:hi"
    assert setup.echo(b"") == b"a:"
    how = {"metadata": setup.metadata(), "timeout": 10}
    assert list(setup.channel.unary_stream("/t.Any/Count")(b"100", **how)) == [b"%d" % n for n in range(100)]
    assert setup.channel.stream_unary("/t.Any/Join")(iter([b"a", b"b", b"c"]), **how) == b"a,b,c"
    assert setup.channel.stream_unary("/t.Any/Join")(iter(()), **how) == b""
    assert setup.refusal(method="Nothing")[0] == grpc.StatusCode.UNIMPLEMENTED


def test_a_conversation_passes_message_by_message(setup: Setup) -> None:
    replica = setup.replica()
    setup.table({"v1": (1, [replica.port])})
    go_on = threading.Semaphore(0)

    def said() -> Iterator[bytes]:
        for word in (b"one", b"two", b"three"):
            yield word
            assert go_on.acquire(timeout=10)  # the answer to the one before has come: nothing is gathered on the way

    answers = setup.channel.stream_stream("/t.Any/Chat")(said(), metadata=setup.metadata(), timeout=20)
    for word in (b"ONE", b"TWO", b"THREE"):
        assert next(answers) == word
        go_on.release()
    assert next(answers, None) is None


def test_metadata_go_through_but_for_those_that_claim_an_identity(setup: Setup) -> None:
    replica = setup.replica()
    setup.table({"v1": (1, [replica.port])})
    more = (("own", "1"), ("x-request-id", "mine"), ("modelway-consumer", "root"), ("x-forwarded-user", "root"))
    more += (("modelway-priority", "7"),)
    call = setup.channel.unary_unary("/t.Any/Echo")
    answer, rpc = call.with_call(b"", metadata=setup.metadata("p/m", *more), timeout=10)
    assert answer == b"a:"
    (seen,) = replica.seen
    assert (seen["own"], seen["x-request-id"], seen["modelway-consumer"]) == ("1", "mine", "k1")
    assert seen["modelway-priority"] == "7"
    assert not {"authorization", "x-forwarded-user", "modelway-model"} & set(seen)
    assert dict(rpc.initial_metadata())["first"] == "yes"
    last = dict(rpc.trailing_metadata())
    assert (last["last"], last["has-time"], last["modelway-version"]) == ("yes", "True", "v1")
    assert last["x-request-id"] == "mine"


@pytest.mark.parametrize("policy", [NO_PAYLOADS, PayloadPolicy(share=0.5, patterns=(r"\d{3}",))])
def test_only_the_route_says_which_payloads_are_written(setup: Setup, policy: PayloadPolicy) -> None:
    replica = setup.replica()
    setup.table({"v1": (1, [replica.port])}, payloads=policy)
    for name in ("modelway-payloads", "modelway_payloads", "x-modelway-payloads"):
        setup.echo(metadata=setup.metadata("p/m", (name, '{"share":1,"max":65536}')))
    told = [[value for name, value in seen.items() if "payloads" in name] for seen in replica.seen]
    assert told == [[carried(policy)] if policy.share else []] * 3


def test_an_error_of_the_model_comes_back_whole(setup: Setup) -> None:
    replica = setup.replica()
    setup.table({"v1": (1, [replica.port])})
    with pytest.raises(grpc.RpcError) as caught:
        setup.echo(method="Fail")
    error: Any = caught.value
    lines = dict(error.trailing_metadata())
    assert (error.code(), error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "row 0: no")
    assert (lines["modelway-code"], lines["detail-bin"]) == ("invalid_input", b"\x00\xff")
    (record,) = setup.gateway.records()
    assert (record["status"], record["code"], record["method"]) == (422, "invalid_input", "GRPC")


def test_who_may_not_call_is_told_in_the_words_of_http(setup: Setup) -> None:
    replica = setup.replica()
    setup.table({"v1": (1, [replica.port])})
    status = grpc.StatusCode
    assert setup.refusal(metadata=()) == (status.INVALID_ARGUMENT, "invalid_request")
    for model in ("p", "p/m/v1/x", "p/m?x", "../m", "p//m", "p/m/", "p/%2e"):
        assert setup.refusal(metadata=setup.metadata(model)) == (status.INVALID_ARGUMENT, "invalid_request"), model
    assert setup.refusal(metadata=(("modelway-model", "p/m"),)) == (status.UNAUTHENTICATED, "unauthenticated")
    wrong = (("modelway-model", "p/m"), ("x-api-key", "wrong"))
    assert setup.refusal(metadata=wrong) == (status.UNAUTHENTICATED, "unauthenticated")
    right = (("modelway-model", "p/m"), ("x-api-key", KEY))
    assert setup.echo(metadata=right) == b"a:x"
    assert setup.refusal(metadata=setup.metadata("p/other")) == (status.NOT_FOUND, "model_not_found")
    assert setup.refusal(metadata=setup.metadata("p/m/v9")) == (status.NOT_FOUND, "version_not_found")
    assert setup.refusal(b"x" * (1 << 21)) == (status.RESOURCE_EXHAUSTED, "payload_too_large")
    setup.table({"v1": (1, [0])})
    assert setup.refusal() == (status.UNIMPLEMENTED, "not_implemented")
    setup.table({"v1": (1, [])})
    assert setup.refusal() == (status.UNAVAILABLE, "no_ready_replica")


def test_weights_pins_records_and_counters(setup: Setup) -> None:
    one, two = setup.replica("one"), setup.replica("two")
    setup.table({"v1": (3, [one.port]), "v2": (1, [two.port])})
    answers = [setup.echo().partition(b":")[0] for _ in range(8)]
    assert (answers.count(b"one"), answers.count(b"two")) == (6, 2)
    assert setup.echo(metadata=setup.metadata("p/m/v2")) == b"two:x"
    records = setup.gateway.records()
    assert len(records) == 9
    last = records[-1]
    assert (last["version"], last["status"], last["method"], last["path"]) == ("v2", 200, "GRPC", "/p/m/v2/Echo")
    assert (last["key"], last["bytes_in"], last["bytes_out"], last["reason"]) == ("k1", 1, 5, "pinned")
    assert last["client"] == "127.0.0.1"
    version = setup.gateway.worker.routes.models[b"p/m"].versions[b"v1"]
    setup.gateway.call(version.metrics.settle)
    assert version.metrics.codes == {200: 6}


def test_a_rate_limit_counts_calls(setup: Setup) -> None:
    replica = setup.replica()
    setup.table(
        {"v1": (1, [replica.port])},
        limits=UsageLimits(rates=(RateLimit(requests=2, window=600.0, burst=2, per="consumer"),)),
    )
    assert [setup.echo(), setup.echo()] == [b"a:x"] * 2
    assert setup.refusal() == (grpc.StatusCode.RESOURCE_EXHAUSTED, "rate_limited")


def test_a_call_goes_to_another_replica_only_where_that_is_safe(setup: Setup) -> None:
    replica = setup.replica()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = closed.getsockname()[1]
        setup.table({"v1": (1, [nobody, replica.port])})
        assert [setup.echo() for _ in range(4)] == [b"a:x"] * 4
        assert max(each["retries"] for each in setup.gateway.records()) == 1
        setup.table({"v1": (1, [nobody])})
        assert setup.refusal() == (grpc.StatusCode.UNAVAILABLE, "no_ready_replica")


def test_a_connection_that_breaks_is_no_answer(setup: Setup) -> None:
    rude = socket.create_server(("127.0.0.1", 0))

    def cut() -> None:
        while True:
            try:
                connection, _ = rude.accept()
            except OSError:
                return
            connection.recv(10_000)
            connection.sendall(b"\0\0\0\x04\0\0\0\0\0")  # settings: it speaks HTTP/2
            time.sleep(0.05)
            connection.recv(10_000)
            connection.close()

    thread = threading.Thread(target=cut, daemon=True)
    thread.start()
    replica = setup.replica()
    setup.table({"v1": (1, [rude.getsockname()[1]])})
    assert setup.refusal()[0] == grpc.StatusCode.UNAVAILABLE
    setup.table({"v1": (1, [rude.getsockname()[1], replica.port])}, idempotent=True)
    assert [setup.echo() for _ in range(3)] == [b"a:x"] * 3
    rude.shutdown(socket.SHUT_RDWR)
    rude.close()
    thread.join(10)


def test_a_caller_who_leaves_and_a_deadline_reach_the_replica(setup: Setup) -> None:
    replica = setup.replica()
    setup.table({"v1": (1, [replica.port])})
    call = setup.channel.unary_unary("/t.Any/Wait")
    pending = call.future(b"", metadata=setup.metadata())
    assert replica.started.wait(10)
    pending.cancel()
    assert replica.gone.wait(10)
    replica.gone.clear()
    with pytest.raises(grpc.RpcError) as caught:
        call(b"", metadata=setup.metadata(), timeout=0.3)
    late: Any = caught.value
    assert late.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert replica.gone.wait(10)
    until(lambda: len(setup.gateway.records()) == 2)
    left, overdue = setup.gateway.records()
    assert (left["status"], left["code"]) == (499, "client_left")
    # Gateway, replica and caller count down the same time: the caller may take its call back, and the replica may answer, first.
    assert (overdue["status"], overdue["code"]) in {(504, "deadline_exceeded"), (504, ""), (499, "client_left")}


def test_the_routes_time_is_kept(setup: Setup) -> None:
    replica = setup.replica()
    setup.table({"v1": (1, [replica.port])}, timeout_seconds=0.3)
    assert setup.refusal(method="Wait") == (grpc.StatusCode.DEADLINE_EXCEEDED, "deadline_exceeded")
    assert replica.gone.wait(10)


def test_a_caller_who_does_not_read_holds_the_replica_up(setup: Setup) -> None:
    """Nothing is gathered for it on the way but what the windows of both connections allow."""
    replica = setup.replica()
    setup.table({"v1": (1, [replica.port])}, timeout_seconds=600.0)
    answers = setup.channel.unary_stream("/t.Any/Flood")(b"", metadata=setup.metadata())
    next(answers)
    ends, before = time.monotonic() + 60, -1
    while replica.flooded != before:
        assert time.monotonic() < ends, f"{replica.flooded} messages were made for nobody"
        before = replica.flooded
        time.sleep(2)
    for _ in range(before + 100):  # read on, and it goes on
        assert len(next(answers)) == 1 << 16
    replica.gone.set()
    answers.cancel()


def test_large_messages_and_many_at_a_time(setup: Setup) -> None:
    replica = setup.replica()
    setup.table({"v1": (1, [replica.port])}, max_body_bytes=1 << 26, timeout_seconds=60.0)
    large = bytes(range(256)) * (3 << 12)
    call = setup.channel.unary_unary("/t.Any/Echo")
    pending = [
        call.future(large[:size], metadata=setup.metadata(), timeout=60)
        for size in (0, 70_000, 1 << 20, len(large)) * 4
    ]
    assert [len(each.result()) - 2 for each in pending] == [0, 70_000, 1 << 20, len(large)] * 4
    joined = setup.channel.stream_unary("/t.Any/Join")(
        iter([large[: 1 << 20]] * 3), metadata=setup.metadata(), timeout=60
    )
    assert joined == b",".join([large[: 1 << 20]] * 3)


def test_health_of_the_gateway_itself_needs_no_key(setup: Setup) -> None:
    body = setup.channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=10)
    assert body == b"\x08\x01"  # SERVING
    watch = setup.channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=60)
    assert next(watch) == b"\x08\x01"
    for name, service, status in (
        ("Check", b"\n\x01x", grpc.StatusCode.NOT_FOUND),
        ("Other", b"", grpc.StatusCode.UNIMPLEMENTED),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            setup.channel.unary_unary(f"/grpc.health.v1.Health/{name}")(service, timeout=10)
        error: Any = caught.value
        assert error.code() == status
    setup.gateway.run(setup.listener.drain(5))
    with pytest.raises(grpc.RpcError) as ended:
        next(watch)
    last: Any = ended.value
    assert last.code() == grpc.StatusCode.UNAVAILABLE


def test_a_drain_answers_what_is_under_way_and_sends_nobody_away_unheard(setup: Setup) -> None:
    replica = setup.replica()
    setup.table({"v1": (1, [replica.port])}, timeout_seconds=60.0)
    pending = setup.channel.unary_unary("/t.Any/Wait").future(b"", metadata=setup.metadata(), timeout=60)
    assert replica.started.wait(10)
    with ThreadPoolExecutor(1) as pool:
        drained = pool.submit(setup.gateway.run, setup.listener.drain(50))

        def refused() -> bool:
            try:
                return setup.echo() != b"a:x"
            except grpc.RpcError as error:
                return cast("Any", error).code() == grpc.StatusCode.UNAVAILABLE

        until(refused, 30)  # no more are taken, and those before were answered
        assert not pending.done()
        replica.gone.set()
        assert pending.result() == b""
        drained.result(60)


def test_heads() -> None:
    request = request_of("/inference.GRPCInferenceService/ModelInfer", [("modelway-model", "p/m/@best"), ("te", "x")])
    assert (request.method, request.target) == (b"GRPC", b"/p/m/@best/ModelInfer")
    assert b"te" not in request.fields
    kept = forwarded([("X_Consumer_id".lower(), "root"), ("grpc-trace-bin", b""), ("a-bin", b"\0")], b"7", b"")
    assert kept == [("a-bin", b"\0"), ("x-request-id", "7")]
    assert pairs_of([(b"a", b"x ~"), (b"b-bin", b"\xff")]) == (("a", "x ~"), ("b-bin", b"\xff"))
    with pytest.raises(ValueError, match="a-bin"):
        pairs_of([(b"a", b"\xc3\xa4")])
    for method in ("/x", "x", "/a/b/c", "/a/b?c"):
        with pytest.raises(ValueError, match="method"):
            request_of(method, [("modelway-model", "p/m")])


def test_what_a_replica_refuses_at_once_is_told_as_it_said_it(setup: Setup) -> None:
    replica = setup.replica()
    setup.table({"v1": (1, [replica.port])})
    found = {setup.refusal(method="Nothing")[0] for _ in range(100)}
    assert found == {grpc.StatusCode.UNIMPLEMENTED}


def held_by(setup: Setup) -> int:
    return sum(len(line.queue) for line in setup.gateway.worker.routes.scaled)


@pytest.mark.parametrize("kind", ["unary", "stream"])
def test_a_call_waits_for_the_first_replica_of_one_that_sleeps(setup: Setup, kind: str) -> None:
    hold = ScalingEntry(hold_requests=10, hold_bytes=1 << 20, hold_seconds=30)
    setup.table({"v1": (1, [])}, scaling=hold)
    answers: list[bytes] = []

    def ask() -> None:
        if kind == "unary":
            answers.append(setup.echo(b"x"))
        else:
            call = setup.channel.stream_stream("/t.Any/Chat")
            answers.extend(call(iter([b"a", b"b"]), metadata=setup.metadata(), timeout=20))

    thread = threading.Thread(target=ask)
    thread.start()
    ends = time.monotonic() + 30
    while held_by(setup) != 1:
        assert time.monotonic() < ends
        time.sleep(0.01)
    setup.table({"v1": (1, [setup.replica().port])}, scaling=hold)
    thread.join(30)
    assert answers == ([b"a:x"] if kind == "unary" else [b"A", b"B"])
    assert held_by(setup) == 0


def test_a_call_that_waits_in_vain_is_told_so_and_one_that_leaves_is_forgotten(setup: Setup) -> None:
    hold = ScalingEntry(hold_requests=10, hold_bytes=1 << 20, hold_seconds=0.3)
    setup.table({"v1": (1, [])}, scaling=hold)
    assert setup.refusal() == (grpc.StatusCode.UNAVAILABLE, "no_ready_replica")
    setup.table({"v1": (1, [])}, scaling=ScalingEntry(hold_requests=10, hold_bytes=1 << 20, hold_seconds=30))
    call = setup.channel.unary_unary("/t.Any/Echo")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"x", metadata=setup.metadata(), timeout=0.3)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    ends = time.monotonic() + 30
    while held_by(setup):
        assert time.monotonic() < ends
        time.sleep(0.01)
