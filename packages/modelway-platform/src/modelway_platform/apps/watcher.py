"""The process that keeps the platform's own series and watches them, as the supervisor starts it."""

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.errors import InvalidRequestError, ModelwayError
from modelway_platform.apps.alert_variables import ALERTMANAGER_VARIABLE, CALLBACKS_VARIABLE, WEBHOOK_VARIABLE
from modelway_platform.apps.event_log import event_log
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.insight.collect.files import ledger_of
from modelway_platform.insight.series.process import WatchSettings, run
from modelway_platform.insight.series.tiers import Tiers, tiers_of

if TYPE_CHECKING:
    from modelway_platform.insight.series.process import Watch

STEP_VARIABLE = "MODELWAY_SERIES_STEP_SECONDS"
KEEP_SIZE_VARIABLE = "MODELWAY_SERIES_KEEP_MIB"
_STEP, _MIB = 60, 2048
_STEPS = (1, 2, 5, 10, 15, 20, 30, 60)
_TURNS_PER_STEP = 6

log = logging.getLogger("modelway_platform.apps.watcher")  # not `__main__`, which it is when run


def main(arguments: Sequence[str] | None = None) -> int:
    """Watches until told to stop or the supervisor ends; returns the exit status."""
    parser = argparse.ArgumentParser(prog="modelway-watcher")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--console", default="")
    parser.add_argument("--lifeline", type=int, required=True)
    given = parser.parse_args(arguments)
    directory = StateDirectory(root=given.directory)
    with event_log(directory.watcher_log, "watcher"):
        try:
            run(settings_from(directory, os.environ, lifeline=given.lifeline, console=given.console))
        except ModelwayError as error:
            log.error("%s (%s)", error.message, error.hint)  # noqa: TRY400 - said in full
            return 1
        except Exception:
            log.exception("the watcher ends")
            return 1
    return 0


def tiers_from(environment: Mapping[str, str]) -> Tiers:
    """How finely the series are kept.

    Raises:
        InvalidRequestError: The variable cannot be used; the message names it.
    """
    text = environment.get(STEP_VARIABLE, "") or str(_STEP)
    if text not in {str(each) for each in _STEPS}:
        raise InvalidRequestError(
            f"{STEP_VARIABLE}: {text[:50]!r} is none of {', '.join(map(str, _STEPS))}", hint=f"{STEP_VARIABLE}={_STEP}"
        )
    return tiers_of(int(text))


def settings_from(
    directory: StateDirectory, environment: Mapping[str, str], *, lifeline: int | None, console: str = ""
) -> WatchSettings:
    """What the state directory and the environment say.

    Raises:
        InvalidRequestError: A variable cannot be used; the message names it.
    """
    tiers = tiers_from(environment)
    text = environment.get(KEEP_SIZE_VARIABLE, "") or str(_MIB)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10**9:
        raise InvalidRequestError(
            f"{KEEP_SIZE_VARIABLE}: {text[:50]!r} is no number of mebibytes", hint=f"{KEEP_SIZE_VARIABLE}={_MIB}"
        )

    if any(environment.get(name) for name in (WEBHOOK_VARIABLE, ALERTMANAGER_VARIABLE, CALLBACKS_VARIABLE)):
        from modelway_platform.apps.alert_receivers import receivers_from  # noqa: PLC0415 - as below

        receivers_from(environment, console)  # an error now, not when there is something to tell

    def begin() -> "Watch":
        # DuckDB and the database are large: they are loaded when the first record is there.
        from modelway_platform.apps.watching import Watching  # noqa: PLC0415

        return Watching(directory, tiers, most_bytes=int(text) << 20, environment=environment, console=console)

    return WatchSettings(
        anything=lambda: ledger_of(directory.log_store).exists(),
        open=begin,
        lifeline=lifeline,
        turn_seconds=max(0.5, tiers.base.step / _TURNS_PER_STEP),
    )


if __name__ == "__main__":
    sys.exit(main())
