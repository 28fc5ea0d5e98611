"""The process that collects records into Parquet, as the supervisor starts it."""

import argparse
import logging
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from modelway.errors import InvalidRequestError, ModelwayError
from modelway_platform.apps.event_log import event_log
from modelway_platform.apps.output_settings import read_outputs
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.deploy.operators.inference_log import INFERENCE_LOG_NAME
from modelway_platform.insight.collect.holding import Held, Holding
from modelway_platform.insight.collect.kinds import ACCESS, FEEDBACK, INFERENCE
from modelway_platform.insight.collect.plan import Keeping
from modelway_platform.insight.collect.process import CollectorSettings, run
from modelway_platform.insight.collect.source import Source
from modelway_platform.insight.outputs.position import first_needed

KEEP_DAYS_VARIABLE = "MODELWAY_LOGS_KEEP_DAYS"
KEEP_SIZE_VARIABLE = "MODELWAY_LOGS_KEEP_GIB"
_DAYS, _GIB = 30.0, 20.0

log = logging.getLogger("modelway_platform.apps.collector")  # not `__main__`, which it is when run


def main(arguments: Sequence[str] | None = None) -> int:
    """Collects until told to stop or the supervisor ends; returns the exit status."""
    parser = argparse.ArgumentParser(prog="modelway-collector")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--lifeline", type=int, required=True)
    given = parser.parse_args(arguments)
    directory = StateDirectory(root=given.directory)
    with event_log(directory.collector_log, "collector"):
        try:
            run(settings_from(directory, os.environ, lifeline=given.lifeline))
        except ModelwayError as error:
            log.error("%s (%s)", error.message, error.hint)  # noqa: TRY400 - said in full
            return 1
        except Exception:
            log.exception("the collector ends")
            return 1
    return 0


def settings_from(
    directory: StateDirectory, environment: Mapping[str, str], *, lifeline: int | None
) -> CollectorSettings:
    """What the state directory and the environment say.

    Raises:
        InvalidRequestError: A variable cannot be used; the message names it.
    """
    return CollectorSettings(
        folder=directory.log_store,
        sources=(
            Source(ACCESS, directory.access_logs),
            Source(INFERENCE, directory.replicas, INFERENCE_LOG_NAME),
            Source(FEEDBACK, directory.feedback),
            Source(ACCESS, directory.shipped, ACCESS.name),
            Source(INFERENCE, directory.shipped, INFERENCE.name),
        ),
        keeping=Keeping(
            seconds=_positive(environment, KEEP_DAYS_VARIABLE, _DAYS) * 86_400,
            octets=int(_positive(environment, KEEP_SIZE_VARIABLE, _GIB) * (1 << 30)),
        ),
        holding=Holding(lambda: _held_for_outputs(directory)),
        lifeline=lifeline,
    )


def _held_for_outputs(directory: StateDirectory) -> Held:
    """What outputs still need; everything there is room for while nobody can tell."""
    try:
        found = read_outputs(directory.outputs_file)
    except ModelwayError:
        return Held(needed=0)
    return Held(needed=first_needed(directory.outputs, found.outputs), octets=int(found.waiting_gib * (1 << 30)))


def _positive(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1e6:
        raise InvalidRequestError(f"{name}: {text[:50]!r} is not a number above 0", hint=f"{name}={default:g}")
    return value


if __name__ == "__main__":
    sys.exit(main())
