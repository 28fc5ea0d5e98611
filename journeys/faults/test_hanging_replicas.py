"""R8: one of three replicas hangs, answers a byte a second or never reads; nobody waits for it longer than one try."""

import time

import pytest
from journeys.faults.conftest import Figure
from journeys.faults.faulty import Behaviour, drips, faulty_server, hangs, never_reads
from journeys.faults.form import pick
from journeys.faults.open_load import Ask, OpenLoad
from journeys.faults.projects import BYTES_BODY, JSON_BODY, route_with
from journeys.projects import deployment
from journeys.running_platform import RunningPlatform

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]
PER_TRY = 0.5
ASKS = (
    Ask(path="/r8/faulted/echo", body=JSON_BODY),
    Ask(path="/r8/faulted/size", body=BYTES_BODY, media_type="application/octet-stream"),
)
OTHER = (Ask(path="/r8-other/faulted/echo", body=JSON_BODY),)


@pytest.fixture(scope="module")
def two_models(platform: RunningPlatform, faulted_package: object) -> RunningPlatform:
    digest = platform.upload(faulted_package)  # type: ignore[arg-type]
    retries = f"{{perTrySeconds: {PER_TRY}}}"
    platform.apply(
        deployment("r8/faulted/v1", digest, replicas=2),
        route_with("r8/faulted", {"v1": 1}, idempotent="true", retries=retries),
        deployment("r8-other/faulted/v1", digest),
        route_with("r8-other/faulted", {"v1": 1}),
    )
    platform.wait_ready("r8/faulted/v1", "r8-other/faulted/v1")
    platform.wait_routed("/r8/faulted/v1/echo")
    platform.wait_routed("/r8-other/faulted/v1/echo")
    return platform


@pytest.mark.parametrize("behaviour", [hangs, drips, never_reads])
def test_r8_a_replica_that_does_not_answer_costs_one_try_at_most(
    two_models: RunningPlatform, figure: Figure, behaviour: Behaviour
) -> None:
    platform = two_models
    name = f"R8_{behaviour.__name__}"
    with OpenLoad(lambda media: platform.caller(media_type=media), OTHER, rate=50) as before:
        time.sleep(pick(0.5, 5.0))
    with (
        faulty_server(behaviour) as port,
        OpenLoad(lambda media: platform.caller(media_type=media), ASKS, rate=pick(100, 200)) as load,
        OpenLoad(lambda media: platform.caller(media_type=media), OTHER, rate=50) as other,
    ):
        with platform.admin() as admin:
            admin.register(name.lower().replace("_", "-"), "r8/faulted/v1", port)
        time.sleep(pick(1.2, 15.0))
        with platform.admin() as admin:
            admin.deregister(name.lower().replace("_", "-"))
    retried = sum(each.seconds >= PER_TRY * 0.9 for each in load.asked)
    figure(
        name,
        requests=len(load.asked),
        failed=len(load.failed),
        gave_up=retried,
        p50_ms=load.quantile_ms(0.5),
        p99_ms=load.quantile_ms(0.99),
        slowest_ms=load.quantile_ms(1.0),
        others_failed=len(other.failed),
        others_p99_ms_before=before.quantile_ms(0.99),
        others_p99_ms=other.quantile_ms(0.99),
    )
    assert not load.failed, load.summary()
    assert not other.failed, other.summary()
    assert retried, "the faulty replica was asked"
    assert load.quantile_ms(0.99) <= pick(15_000.0, PER_TRY * 1000 + 150)
