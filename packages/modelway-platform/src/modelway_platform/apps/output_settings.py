"""Where records and metrics are sent on to: `outputs.toml` beside the platform's state, read strictly."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.read_table import Table
from modelway_platform.insight.collect.kinds import KINDS
from modelway_platform.insight.collect.plan import Keeping
from modelway_platform.insight.outputs.kafka.target import COMPRESSIONS, MECHANISMS, SECURITIES, KafkaTarget
from modelway_platform.insight.outputs.otlp.target import OtlpTarget
from modelway_platform.insight.outputs.secret import Secret

FILE_NAME = "outputs.toml"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_BROKER = re.compile(r"(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):[0-9]{1,5}")
_TOPIC = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
_ADDRESS = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,62}/[A-Za-z0-9!_.*'()/-]{1,500}|file:///[^\x00-\x1f?#]{1,1000}")
_HINT = "correct it; docs/outputs.md shows its form"
_EXTRAS = {"parquet": "s3"}
_DEFAULT_RECORDS = ("access", "inference")


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpEntry:
    """An `[[output]]` of kind `otlp`.

    Args:
        target: The receiver.
        metrics_seconds: Between two looks at metrics; 0 for never.
        model_servers: Whether those of model servers are among them.
    """

    target: OtlpTarget
    metrics_seconds: float
    model_servers: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaEntry:
    """An `[[output]]` of kind `kafka`.

    Args:
        target: The cluster.
    """

    target: KafkaTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetEntry:
    """An `[[output]]` of kind `parquet`.

    Args:
        address: `s3://bucket/prefix` or `file:///folder`.
        every: So many seconds of records become objects together.
        keeping: For how long.
        take_over: Whether what another platform left there becomes this one's.
        cache_gib: As much may be brought back for questions.
    """

    address: str
    every: float
    keeping: Keeping
    take_over: bool
    cache_gib: float


Entry = OtlpEntry | KafkaEntry | ParquetEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputEntry:
    """One `[[output]]`.

    Args:
        name: Its own.
        what: Its sort.
        records: Names of the kinds of record it gets.
        payloads: Whether it gets logged requests and answers, too.
        of: What is said of its sort.
    """

    name: str
    what: str
    records: tuple[str, ...]
    payloads: bool
    of: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputsFile:
    """The whole file.

    Args:
        waiting_gib: How much is kept for outputs that have not sent it yet.
        outputs: By name.
    """

    waiting_gib: float = 5.0
    outputs: Mapping[str, OutputEntry] = field(default_factory=dict[str, OutputEntry])


def read_outputs(path: Path) -> OutputsFile:
    """What the file says; nothing where there is none.

    Raises:
        InvalidRequestError: It cannot be used; the message says where.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return OutputsFile()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidRequestError(f"{FILE_NAME}: {error}", hint=_HINT) from None
    top = Table(FILE_NAME, document)
    waiting = top.number("waiting_gib", 5.0)
    if not 0 < waiting < 1e6:
        top.refuse("waiting_gib", "write a number above 0")
    outputs: dict[str, OutputEntry] = {}
    for table in top.tables("output"):
        entry = _entry(table)
        if entry.name in outputs:
            table.refuse("name", f"{entry.name!r} is the name of another output")
        outputs[entry.name] = entry
    top.finish()
    return OutputsFile(waiting_gib=waiting, outputs=outputs)


def _entry(table: Table) -> OutputEntry:
    name = table.text("name")
    if not _NAME.fullmatch(name):
        table.refuse("name", "write lower-case letters, digits and hyphens, 63 at most")
    what = table.text("kind")
    if what not in _READERS:
        table.refuse("kind", f"is one of {', '.join(_READERS)}")
    needs, read = _READERS[what]
    if missing := [each for each in needs if not _installed(each)]:
        raise InvalidRequestError(
            f"{FILE_NAME}: output {name}: {missing[0]} is not installed",
            hint=f"pip install 'modelway-platform[{_EXTRAS.get(what, what)}]'",
        )
    records = table.texts("records") or (tuple(each.name for each in KINDS) if what == "parquet" else _DEFAULT_RECORDS)
    known = [each.name for each in KINDS]
    if wrong := [each for each in records if each not in known]:
        table.refuse("records", f"{wrong[0][:60]!r} is none of {', '.join(known)}")
    # Whoever keeps the store's records elsewhere wants all of them; to others payloads go only if it is said.
    payloads = what == "parquet" or table.boolean("payloads", default=False)
    entry = OutputEntry(name=name, what=what, records=tuple(dict.fromkeys(records)), payloads=payloads, of=read(table))
    table.finish()
    return entry


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # not even what it is part of
        return False


def _otlp(table: Table) -> OtlpEntry:
    protocol = table.text("protocol", "http")
    if protocol not in {"http", "grpc"}:
        table.refuse("protocol", "is http or grpc")
    endpoint = table.text("endpoint")
    _check_endpoint(table, endpoint, path_allowed=protocol == "http")
    metrics = table.number("metrics_seconds", 15.0)
    if metrics:
        _between(table, "metrics_seconds", 15.0, least=1, most=3600)
    header = table.text("secret_header", "authorization")
    if not _HEADER.fullmatch(header):
        table.refuse("secret_header", "is no name of a header")
    target = OtlpTarget(
        endpoint=endpoint,
        protocol="grpc" if protocol == "grpc" else "http",
        headers=_headers(table),
        secret=_secret(table),
        secret_header=header,
        ca_file=table.text("ca_file", ""),
        seconds=_between(table, "timeout_seconds", 10.0, least=1, most=300),
    )
    model_servers = table.boolean("model_servers", default=True)
    return OtlpEntry(target=target, metrics_seconds=metrics, model_servers=model_servers)


def _kafka(table: Table) -> KafkaEntry:
    brokers = table.texts("brokers")
    if not brokers or not all(_BROKER.fullmatch(each) for each in brokers):
        table.refuse("brokers", 'write ["host:port"]')
    topic = table.text("topic", "modelway-{kind}")
    if not _TOPIC.fullmatch(topic.replace("{kind}", "inference")):
        table.refuse("topic", "is no name of a topic; {kind} in it stands for access, inference or feedback")
    security = _one_of(table, "security", tuple(SECURITIES), "plaintext")
    user, secret = table.text("user", ""), _secret(table)
    if security.startswith("sasl") != bool(user) or bool(user) != bool(secret.file or secret.variable):
        table.refuse("user", "SASL needs user and secret_file (or secret_variable), and nothing else does")
    cert, key = table.text("cert_file", ""), table.text("key_file", "")
    if bool(cert) != bool(key):
        table.refuse("cert_file", "goes together with key_file")
    target = KafkaTarget(
        brokers=brokers,
        topic=topic,
        security=security,
        ca_file=table.text("ca_file", ""),
        cert_file=cert,
        key_file=key,
        mechanism=_one_of(table, "mechanism", MECHANISMS, "SCRAM-SHA-512"),
        user=user,
        secret=secret,
        compression=_one_of(table, "compression", COMPRESSIONS, "zstd"),
        seconds=_between(table, "timeout_seconds", 30.0, least=1, most=300),
    )
    return KafkaEntry(target=target)


def _parquet(table: Table) -> ParquetEntry:
    address = table.text("address").rstrip("/")
    if not _ADDRESS.fullmatch(address):
        table.refuse("address", "write s3://bucket/prefix or file:///folder")
    days = _between(table, "keep_days", 365.0, least=1 / 24, most=36_500)
    gib = _between(table, "keep_gib", 1e6, least=0.001, most=1e9)
    return ParquetEntry(
        address=address,
        every=_between(table, "every_seconds", 60.0, least=0, most=3600),
        keeping=Keeping(seconds=days * 86_400, octets=int(gib * (1 << 30))),
        take_over=table.boolean("take_over", default=False),
        cache_gib=_between(table, "cache_gib", 10.0, least=0.001, most=1e6),
    )


def _one_of(table: Table, name: str, choices: tuple[str, ...], default: str) -> str:
    found = table.text(name, default)
    if found not in choices:
        table.refuse(name, f"is one of {', '.join(choices)}")
    return found


def _between(table: Table, name: str, default: float, *, least: float, most: float) -> float:
    value = table.number(name, default)
    if not least <= value <= most:
        table.refuse(name, f"write a number from {least:g} to {most:g}")
    return value


def _check_endpoint(table: Table, endpoint: str, *, path_allowed: bool) -> None:
    try:
        parts = urlsplit(endpoint)
        _ = parts.port
    except ValueError:
        table.refuse("endpoint", "is no URL")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        table.refuse("endpoint", "write http(s)://host:port")
    if parts.username is not None or parts.password is not None:
        table.refuse("endpoint", "a password does not belong here: use secret_file")
    if not path_allowed and parts.path not in {"", "/"}:
        table.refuse("endpoint", "gRPC has no path: write http(s)://host:port")


def _headers(table: Table) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in table.texts("headers"):
        name, colon, value = each.partition(":")
        if not colon or not _HEADER.fullmatch(name.strip()) or not value.strip().isprintable():
            table.refuse("headers", 'write "Name: value"')
        found[name.strip().lower()] = value.strip()
    return found


def _secret(table: Table) -> Secret:
    file, variable = table.text("secret_file", ""), table.text("secret_variable", "")
    if file and variable:
        table.refuse("secret_file", "write it or secret_variable, not both")
    return Secret(file=file, variable=variable)


_READERS: Mapping[str, tuple[tuple[str, ...], Callable[[Table], Entry]]] = {
    "otlp": (("opentelemetry.proto", "urllib3", "grpc", "prometheus_client"), _otlp),
    "kafka": (("confluent_kafka",), _kafka),
    "parquet": (("obstore",), _parquet),
}
