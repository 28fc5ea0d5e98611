"""`modelway rollout compare`: what the requests so far say of two versions: numbers, differences, a verdict in words."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from modelway.cli.command import EXIT_OK
from modelway.cli.connect import add_connection_options
from modelway.cli.showing.object_tables import Object, member, members, number, text
from modelway.cli.showing.output import Style, paint
from modelway.cli.showing.table_text import Cell, Row, one_line, table_lines
from modelway.cli.showing.time_text import date_and_time
from modelway.cli.showing.yaml_text import to_yaml
from modelway.client import ControlClient
from modelway.errors import InvalidRequestError

_STYLES: dict[str, Style] = {"better": "green", "worse": "red", "hold": "yellow"}
_VERSION_COLUMNS = ("version", "requests", "errors", "error rate", "refused", "p50", "p99", "pinned")
_TOLD_COLUMNS = ("version", "labelled", "accuracy", "rewarded", "mean reward", "p95", "p99.9")
_METRIC_COLUMNS = ("metric", "verdict", "difference", "interval", "left to go")


def add_compare_arguments(parser: argparse.ArgumentParser) -> None:
    """What is compared, and how it is shown."""
    parser.add_argument("model", metavar="PROJECT/MODEL", help="whose versions")
    parser.add_argument("baseline", metavar="BASELINE", help="the version that is judged by")
    parser.add_argument("candidate", metavar="CANDIDATE", help="the version that is judged")
    parser.add_argument(
        "--since",
        default="",
        metavar="TIME",
        help="30s, 90m, 2h, 7d, or a time as 2026-11-22T04:00:00Z; default: the last change of either deployment",
    )
    parser.add_argument(
        "--pinned", action="store_true", help="count requests to a version's own URL, too: their callers chose it"
    )
    parser.add_argument(
        "--experiment", default="", metavar="NAME", help="count requests of this experiment of the route only"
    )
    parser.add_argument(
        "--rewards",
        default="",
        metavar="LOW:HIGH",
        help="the limits within which rewards always lie, e.g. --rewards=-1:1; default: 0:1",
    )
    parser.add_argument("-o", "--output", choices=("table", "json", "yaml"), default="table", help="default: table")
    add_connection_options(parser)


def compare(client: ControlClient, args: argparse.Namespace) -> int:
    """Asks and shows; the exit code says only whether there was an answer."""
    answer = client.compare(
        args.model,
        args.baseline,
        args.candidate,
        since=args.since,
        pinned=args.pinned,
        experiment=args.experiment,
        rewards=_limits(args.rewards) if args.rewards else None,
    )
    if args.output == "json":
        print(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())
    elif args.output == "yaml":
        print(to_yaml(answer), end="")
    else:
        print("\n".join(_page(answer)))
    return EXIT_OK


def _limits(text_: str) -> tuple[float, float]:
    low, _, high = text_.partition(":")
    try:
        found = float(low), float(high)
    except ValueError:
        raise InvalidRequestError(
            f"--rewards {text_[:50]!r}: expected two numbers",
            hint="--rewards=-1:1, the limits within which rewards lie",
        ) from None
    return found


def _page(answer: Object) -> list[str]:
    versions = members(answer, "versions")
    verdict = text(answer, "verdict")
    counted = bool(member(answer, "plan").get("pinned"))
    lines = [
        f"{text(answer, 'project')}/{text(answer, 'model')} since {date_and_time(answer.get('since'))}",
        "",
        *table_lines(_VERSION_COLUMNS, [_version_row(each) for each in versions]),
        "",
        *_told_lines(versions),
        *table_lines(_METRIC_COLUMNS, [_metric_row(each) for each in members(answer, "metrics")]),
        "",
        paint(one_line(text(answer, "words")), _STYLES.get(verdict, "bold")),
    ]
    lines += [one_line(text(each, "words")) for each in members(answer, "metrics") if text(each, "problem")]
    if agreement := member(answer, "agreement"):
        lines.append(one_line(text(agreement, "words")))
    if problem := text(answer, "problem"):
        lines.append(paint(one_line(problem), "yellow"))
    if not counted and any(number(each, "pinned") for each in versions):
        lines.append("Requests to a version's own URL (pinned) are not counted: their callers chose the version.")
    return lines


def _version_row(version: Object) -> Row:
    return (
        one_line(text(version, "version")),
        text(version, "requests"),
        text(version, "errors"),
        _percent(version.get("errorRate")),
        text(version, "refused"),
        _milliseconds(version.get("p50Ms")),
        _milliseconds(version.get("p99Ms")),
        text(version, "pinned"),
    )


def _told_lines(versions: Sequence[Object]) -> list[str]:
    """What was fed back, where something was."""
    if not any(number(each, "labelled") or number(each, "rewarded") for each in versions):
        return []
    rows: list[Row] = [
        (
            one_line(text(each, "version")),
            text(each, "labelled"),
            _percent(each.get("accuracy")),
            text(each, "rewarded"),
            _plain(each.get("meanReward")),
            _milliseconds(each.get("p95Ms")),
            _milliseconds(each.get("p999Ms")),
        )
        for each in versions
    ]
    return [*table_lines(_TOLD_COLUMNS, rows), ""]


def _metric_row(metric: Object) -> Row:
    verdict, interval = text(metric, "verdict"), member(metric, "interval")
    show = _SHOWN.get(text(metric, "unit"), _signed_milliseconds)
    left = int(number(metric, "requestsLeft"))
    return (
        text(metric, "metric").replace("_", " "),
        Cell(verdict, _STYLES.get(verdict, "bold")),
        show(metric.get("difference")),
        f"{show(interval.get('low'), '-∞')} to {show(interval.get('high'), '+∞')}",
        "-" if verdict != "hold" or not left else f"{left:,} requests",
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _percent(value: Any) -> str:
    return f"{value * 100:.2f} %" if _is_number(value) else "-"


def _points(value: Any, unknown: str = "-") -> str:
    return f"{value * 100:+.2f} points" if _is_number(value) else unknown


def _milliseconds(value: Any) -> str:
    return f"{value:.4g} ms" if _is_number(value) else "-"


def _signed_milliseconds(value: Any, unknown: str = "-") -> str:
    return f"{value:+.3g} ms" if _is_number(value) else unknown


def _plain(value: Any, unknown: str = "-") -> str:
    return f"{value:.4g}" if _is_number(value) else unknown


def _signed(value: Any, unknown: str = "-") -> str:
    return f"{value:+.3g}" if _is_number(value) else unknown


_SHOWN: dict[str, Callable[..., str]] = {"share": _points, "reward": _signed}
