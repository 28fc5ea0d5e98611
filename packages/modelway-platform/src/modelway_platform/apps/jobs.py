"""The process for asynchronous requests, as the supervisor starts it."""

import argparse
import ipaddress
import logging
import os
import ssl
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from modelway.errors import InvalidRequestError, ModelwayError
from modelway_platform.apps.event_log import event_log
from modelway_platform.apps.state_directory import JOBS_SECRET, StateDirectory
from modelway_platform.gateway.jobs.callbacks.callback_guard import CallbackRules
from modelway_platform.gateway.jobs.http_call import Peer
from modelway_platform.gateway.jobs.process import JobsSettings, run
from modelway_platform.gateway.jobs.stores.contents import Contents, DirectoryContents
from modelway_platform.gateway.jobs.stores.port import JobStore

STORE_VARIABLE = "MODELWAY_JOBS_URL"
CONTENTS_VARIABLE = "MODELWAY_JOBS_CONTENTS"
CALLBACKS_VARIABLE = "MODELWAY_CALLBACK_NETWORKS"
RELAXED_VARIABLE = "MODELWAY_JOBS_RELAXED"

log = logging.getLogger("modelway_platform.apps.jobs")  # not `__main__`, which it is when run


def main(arguments: Sequence[str] | None = None) -> int:
    """Keeps and executes jobs until told to stop or the supervisor ends; returns the exit status."""
    parser = argparse.ArgumentParser(prog="modelway-jobs")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--lifeline", type=int, required=True)
    given = parser.parse_args(arguments)
    directory = StateDirectory(root=given.directory)
    with event_log(directory.jobs_log, "jobs"):
        try:
            settings = settings_from(directory, given.port, given.gateway, os.environ, lifeline=given.lifeline)
            uvloop.run(run(settings))
        except ModelwayError as error:
            log.error("%s (%s)", error.message, error.hint)  # noqa: TRY400 - said in full
            return 1
        except Exception:
            log.exception("jobs end")
            return 1
    return 0


def settings_from(
    directory: StateDirectory, port: int, gateway: str, environment: Mapping[str, str], *, lifeline: int | None
) -> JobsSettings:
    """What the state directory and the environment say.

    Raises:
        InvalidRequestError: A variable cannot be used; the message names it.
    """
    return JobsSettings(
        port=port,
        store=store_of(environment.get(STORE_VARIABLE, ""), directory, relaxed=bool(environment.get(RELAXED_VARIABLE))),
        contents=contents_of(environment.get(CONTENTS_VARIABLE, ""), directory),
        gateway=gateway_peer(gateway),
        secret=directory.kept_secret(JOBS_SECRET),
        owner=directory.instance(),
        table_path=directory.table,
        metrics_path=directory.jobs_metrics,
        rules=rules_of(environment.get(CALLBACKS_VARIABLE, "")),
        lifeline=lifeline,
    )


def store_of(url: str, directory: StateDirectory, *, relaxed: bool) -> JobStore:
    """Where jobs are kept: an SQLite file of ours unless `url` says PostgreSQL or NATS."""
    from modelway_platform.gateway.jobs.stores.store_sql import SqlJobStore  # noqa: PLC0415 - one of several, each with a library

    if not url:
        return SqlJobStore(f"sqlite:///{directory.jobs_database}")
    scheme = url.partition(":")[0]
    if scheme in {"sqlite", "postgresql"}:
        return SqlJobStore(url)
    if scheme in {"nats", "tls"}:
        from modelway_platform.gateway.jobs.stores.store_nats import NatsJobStore  # noqa: PLC0415 - as above

        return NatsJobStore(url, allow_relaxed=relaxed)
    raise InvalidRequestError(
        f"{STORE_VARIABLE}: jobs cannot be kept in {scheme!r}",
        hint="sqlite:////path/jobs.db, postgresql://user@host/database or nats://host:4222",
    )


def contents_of(url: str, directory: StateDirectory) -> Contents:
    """Where large requests and answers lie: a folder of ours unless `url` names a bucket, `s3://bucket`."""
    if not url:
        return DirectoryContents(directory.jobs_contents)
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc or parts.path.strip("/"):
        raise InvalidRequestError(f"{CONTENTS_VARIABLE}: not the address of a bucket", hint="s3://BUCKET")
    from modelway_platform.gateway.jobs.stores.contents_s3 import S3Contents  # noqa: PLC0415 - a library most do not need

    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    return S3Contents(parts.netloc, **({"endpoint": endpoint} if endpoint else {}))


def rules_of(text: str) -> CallbackRules:
    """Networks that callbacks may reach beside the public Internet, separated by commas."""
    try:
        networks = tuple(ipaddress.ip_network(each.strip()) for each in text.split(",") if each.strip())
    except ValueError as error:
        raise InvalidRequestError(
            f"{CALLBACKS_VARIABLE}: {error}", hint="networks separated by commas, such as 10.20.0.0/16,fd00::/8"
        ) from error
    return CallbackRules(allowed=networks)


def gateway_peer(url: str) -> Peer:
    """The gateway as this machine reaches it."""
    parts = urlsplit(url)
    tls = None
    if parts.scheme == "https":
        # Our own worker on this machine: its certificate is for other names.
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return Peer(host=parts.hostname or "127.0.0.1", port=parts.port or 80, tls=tls)


if __name__ == "__main__":
    sys.exit(main())
