"""How `modelway serve` is told what to remember of requests."""

import argparse
import time
from pathlib import Path

import pytest

from modelway.cli.serve_observing import add_arguments, inference_log, sending, tracing
from modelway.errors import InvalidRequestError
from modelway.serving.log_settings import InferenceLogSettings, SendingSettings


def settings(*arguments: str, **environment: str) -> InferenceLogSettings | None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return inference_log(parser.parse_args(arguments), environment)


def test_off_unless_a_folder_is_named() -> None:
    assert settings() is None
    assert settings("--log-payloads", "1") is None
    assert settings(INFERENCE_LOG="off") is None
    assert settings("--inference-log", "off", INFERENCE_LOG="log") is None


def sent(*arguments: str, **environment: str) -> SendingSettings | None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    given = parser.parse_args(arguments)
    log, found = sending(given, environment, inference_log(given, environment))
    assert log is None or log.sent == (found is not None)
    return found


def test_records_are_sent_where_a_flag_or_a_variable_says() -> None:
    assert sent() is None
    assert sent("--inference-log", "log") is None
    assert sent(MODELWAY_RECORDS_URL="http://control:7070") is None, "there is no log to send"
    found = sent("--inference-log", "log", MODELWAY_RECORDS_URL="http://a:1", MODELWAY_RECORDS_TOKEN="mwr_secret")
    assert found == SendingSettings(url="http://a:1", token="mwr_secret")
    assert "mwr_secret" not in repr(found)
    flagged = sent("--inference-log", "log", "--records", "http://b:1", MODELWAY_RECORDS_URL="http://a:1")
    assert flagged is not None
    assert flagged.url == "http://b:1"
    for wrong in (("--records", "http://b:1"), ("--inference-log", "log", "--records", "control:7070")):
        with pytest.raises(InvalidRequestError):
            sent(*wrong)


def test_flags_come_before_variables() -> None:
    found = settings(
        *("--inference-log", "here", "--log-payloads", "0.5", "--log-redact", "a", "--log-redact", "b"),
        INFERENCE_LOG="there",
        INFERENCE_LOG_MIB="2",
        INFERENCE_LOG_PAYLOADS="0.25",
        INFERENCE_LOG_PAYLOAD_BYTES="100",
        INFERENCE_LOG_REDACT="c, d",
        INFERENCE_LOG_REDACT_PATTERN="x{3}\ny{3}",
    )
    assert found is not None
    assert found.folder == str(Path("here").absolute())
    assert (found.total_bytes, found.payloads.share, found.payloads.max_bytes) == (2 * 1024 * 1024, 0.5, 100)
    assert found.payloads.redacted_names == ("a", "b")
    assert found.payloads.redacted_patterns == ("x{3}", "y{3}")


def test_variables_alone() -> None:
    found = settings(INFERENCE_LOG="there", INFERENCE_LOG_REDACT="c, d,")
    assert found is not None
    assert found.payloads.redacted_names == ("c", "d")
    assert found.payloads.share == 0.0


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("INFERENCE_LOG_MIB", "0"),
        ("INFERENCE_LOG_PAYLOADS", "2"),
        ("INFERENCE_LOG_PAYLOADS", "nan"),
        ("INFERENCE_LOG_PAYLOADS", "all"),
        ("INFERENCE_LOG_PAYLOAD_BYTES", "100000000"),
        ("INFERENCE_LOG_REDACT_PATTERN", "("),
    ],
)
def test_what_cannot_be_used_is_named(variable: str, value: str) -> None:
    with pytest.raises(InvalidRequestError, match=variable):
        settings(**{"INFERENCE_LOG": "log", variable: value})


@pytest.mark.parametrize("pattern", ["(a+)+$", r"[a-z0-9 ]+[a-z0-9 ]+@", r"(\w+\s?)+!"])
def test_a_pattern_that_would_hold_everything_up_is_refused(pattern: str) -> None:
    started = time.monotonic()
    with pytest.raises(InvalidRequestError, match="takes too long"):
        settings("--inference-log", "log", "--log-redact-pattern", pattern, "--log-payload-bytes", "65536")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318", "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, False),
    ],
)
def test_the_standard_variables_turn_traces_on(environment: dict[str, str], wanted: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert tracing(environment) is wanted
