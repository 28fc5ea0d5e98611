"""Options of `modelway serve` for what is remembered of requests: the inference log and traces."""

import argparse
import re
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.showing.output import note
from modelway.errors import InvalidRequestError

if TYPE_CHECKING:
    from modelway.serving.log_settings import InferenceLogSettings, SendingSettings

_MEBI = 1024 * 1024
_MOST_PAYLOAD_BYTES = 64 * 1024
_OFF = "off"
_PATTERN_SECONDS = 0.2
_TRIED_ON = ("a", "A", "0", " ", "-", "a.", "a ", "0-", "aA0_", '"', "@", "/")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--inference-log", metavar="FOLDER", help="log each inference there; 'off' is none (default: none)"
    )
    parser.add_argument(
        "--inference-log-mib",
        metavar="N",
        help="what the log of one worker may take, the oldest goes first (default: 256)",
    )
    parser.add_argument(
        "--records",
        default="",
        metavar="URL",
        help="control API that the inference log is sent to; the token is MODELWAY_RECORDS_TOKEN (default: it stays here)",
    )
    parser.add_argument(
        "--log-payloads", metavar="SHARE", help="share of requests logged with what was asked and answered: 0 to 1"
    )
    parser.add_argument("--log-payload-bytes", metavar="N", help="longer payloads are left out (default: 4096)")
    parser.add_argument(
        "--log-redact",
        action="append",
        metavar="FIELD",
        help="a further field whose value is never logged; repeatable",
    )
    parser.add_argument(
        "--log-redact-pattern",
        action="append",
        metavar="REGEX",
        help="a further pattern replaced in logged texts; repeatable",
    )


def inference_log(arguments: argparse.Namespace, environment: Mapping[str, str]) -> "InferenceLogSettings | None":
    """What is asked for, by flags first, then by `INFERENCE_LOG…` variables.

    Raises:
        InvalidRequestError: A value cannot be used; the message names flag and variable.
    """
    from modelway.serving.log_settings import InferenceLogSettings, PayloadPolicy  # noqa: PLC0415 - needs the extra

    def given(name: str, default: str) -> str:
        flag = getattr(arguments, name)
        return flag if flag is not None else environment.get(_variable(name), default)

    folder = given("inference_log", "")
    if not folder or folder == _OFF:
        return None
    defaults = PayloadPolicy()
    share = number_in("log_payloads", given("log_payloads", "0"), 0.0, 1.0)
    most = number_in("log_payload_bytes", given("log_payload_bytes", str(defaults.max_bytes)), 1, _MOST_PAYLOAD_BYTES)
    mebi = number_in("inference_log_mib", given("inference_log_mib", "256"), 1, 1024 * 1024)
    return InferenceLogSettings(
        folder=str(Path(folder).absolute()),
        total_bytes=int(mebi) * _MEBI,
        payloads=PayloadPolicy(
            share=share,
            max_bytes=int(most),
            redacted_names=redacted_names(arguments, environment),
            redacted_patterns=redacted_patterns(arguments, environment, int(most)),
        ),
    )


def sending(
    arguments: argparse.Namespace, environment: Mapping[str, str], log: "InferenceLogSettings | None"
) -> "tuple[InferenceLogSettings | None, SendingSettings | None]":
    """The log, and where it is sent, by `--records` or `MODELWAY_RECORDS_URL`.

    Raises:
        InvalidRequestError: The address cannot be used, or there is no log that could be sent.
    """
    from modelway.client.addresses import split_url  # noqa: PLC0415 - only where something is sent
    from modelway.serving.log_settings import SendingSettings  # noqa: PLC0415 - needs the extra

    url = arguments.records or environment.get("MODELWAY_RECORDS_URL", "")
    if arguments.records and log is None:
        raise InvalidRequestError(
            "--records: there is no inference log to send", hint="add --inference-log FOLDER, where it waits"
        )
    if not url or log is None:
        return log, None
    split_url(url)
    return replace(log, sent=True), SendingSettings(url=url, token=environment.get("MODELWAY_RECORDS_TOKEN", ""))


def redacted_names(arguments: argparse.Namespace, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Further members whose values are never written."""
    names = arguments.log_redact or environment.get(_variable("log_redact"), "").split(",")
    return tuple(name.strip() for name in names if name.strip())


def redacted_patterns(arguments: argparse.Namespace, environment: Mapping[str, str], longest: int) -> tuple[str, ...]:
    """Further patterns that are replaced in texts of at most `longest` characters.

    Raises:
        InvalidRequestError: One is none, or takes too long.
    """
    patterns: list[str] = (
        arguments.log_redact_pattern or environment.get(_variable("log_redact_pattern"), "").splitlines()
    )
    return tuple(_pattern(each, longest) for each in patterns if each)


def tracing(environment: Mapping[str, str]) -> bool:
    """Whether the standard variables of OpenTelemetry ask for traces, and the libraries are there.

    On are traces when an OTLP endpoint is named, and neither `OTEL_SDK_DISABLED` nor `OTEL_TRACES_EXPORTER` says otherwise.
    """
    named = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = environment.get("OTEL_TRACES_EXPORTER", "otlp").strip() or "otlp"
    if not named or disabled or exporter != "otlp":
        return False
    if not all(_installed(name) for name in ("opentelemetry.sdk", "opentelemetry.exporter.otlp")):
        note("an OTLP endpoint is named, but requests are not traced: pip install 'modelway[otel]'")
        return False
    return True


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _variable(name: str) -> str:
    return name.upper() if name.startswith(("inference_log", "quarantine")) else f"INFERENCE_{name.upper()}"


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')} ({_variable(name)})"


def number_in(name: str, text: str, least: float, most: float) -> float:
    """The number a flag or its variable has.

    Raises:
        InvalidRequestError: It is none, or out of bounds.
    """
    with suppress(ValueError):
        number = float(text)
        if least <= number <= most:
            return number
    raise InvalidRequestError(f"{_flag(name)}: {text[:50]!r} is no number from {least:g} to {most:g}")


def _pattern(text: str, longest: int) -> str:
    """A pattern that can be used, tried on texts as long as it may meet: searching holds the whole process up."""
    flag = _flag("log_redact_pattern")
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise InvalidRequestError(f"{flag}: {text[:100]!r} is no pattern: {error}") from None
    before = signal.signal(signal.SIGALRM, _too_slow)
    try:
        signal.setitimer(signal.ITIMER_REAL, _PATTERN_SECONDS)
        for each in _TRIED_ON:
            pattern.sub("", each * (longest // len(each)) + "\0")  # so that it cannot match to the end
    except TimeoutError:
        raise InvalidRequestError(
            f"{flag}: {text[:100]!r} takes too long on {longest} characters",
            hint="bound what repeats, [a-z]{1,64} instead of [a-z]+, or begin with what is rare",
        ) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return text


def _too_slow(*_: object) -> None:
    raise TimeoutError
