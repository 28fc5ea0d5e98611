"""Log records as lines for people; colour only on a terminal."""

from typing import Any

import msgspec

from modelway.cli.showing.object_tables import Object, number, text
from modelway.cli.showing.output import Style, paint, seconds_text
from modelway.cli.showing.table_text import one_line, printable
from modelway.cli.showing.time_text import clock
from modelway.serving.events import event_text

_STAGES = ("queue", "preprocess", "inference", "postprocess", "encode")


def access_line(record: Object) -> str:
    """One request: when, status, how long, who answered, and what is unusual about it."""
    status = text(record, "status")
    model = "/".join(filter(None, (text(record, part) for part in ("project", "model", "version"))))
    parts = [
        paint(clock(record.get("time")), "dim"),
        paint(status or "---", _style(status)),
        f"{seconds_text(number(record, 'duration_ms') / 1000):>8}",
        f"{one_line(model) or one_line(text(record, 'path'))} {one_line(text(record, 'endpoint'))}".rstrip(),
    ]
    if code := text(record, "code"):
        parts.append(paint(one_line(code), _style(status)))
    if record.get("mirrored") is True:
        agree = {True: "agrees", False: "differs"}.get(record.get("agree"), "")  # type: ignore[arg-type]
        said = f"copy of {one_line(text(record, 'primary'))} {agree}".rstrip()
        parts.append(paint(said, "yellow" if agree == "differs" else "cyan"))
    if retries := number(record, "retries"):
        parts.append(paint(f"retries={retries}", "yellow"))
    gateway = text(record, "gateway")
    labels = [
        *((name, text(record, name)) for name in ("replica", "key")),
        ("gateway", f"{gateway}/{number(record, 'worker'):g}" if gateway else ""),
        ("id", text(record, "request_id")),
    ]
    parts.extend(paint(f"{label}={one_line(value)}", "dim") for label, value in labels if value)
    return "  ".join(parts)


def inference_line(record: Object) -> str:
    """One inference: when, status, how long, who answered, and where the time went."""
    status = text(record, "status")
    model = "/".join(filter(None, (text(record, part) for part in ("project", "model", "version"))))
    parts = [
        paint(clock(record.get("time")), "dim"),
        paint(status or "---", _style(status)),
        f"{seconds_text(number(record, 'duration_ms') / 1000):>8}",
        f"{one_line(model)} {one_line(text(record, 'endpoint'))}".strip(),
    ]
    if step := text(record, "step"):
        parts.append(paint(f"step {one_line(step)}", "cyan"))
    if code := text(record, "code"):
        parts.append(paint(one_line(code), _style(status)))
    spent = [(stage, number(record, f"{stage}_ms")) for stage in _STAGES]
    parts.extend(f"{stage} {seconds_text(milliseconds / 1000)}" for stage, milliseconds in spent if milliseconds)
    if number(record, "batch"):
        parts.append(f"batch {number(record, 'batch'):g} {one_line(text(record, 'closed'))}")
    if record.get("mirrored") is True:
        parts.append(paint("copy", "cyan"))
    if fields := record.get("fields"):
        parts.append(one_line(msgspec.json.encode(fields).decode()))
    labels = [("replica", text(record, "replica")), ("id", text(record, "request_id"))]
    parts.extend(paint(f"{label}={one_line(value)}", "dim") for label, value in labels if value)
    return "  ".join(parts)


def server_line(record: Object) -> str:
    """One line of a model server's output with the replica it is from; an event of its own as lines to read."""
    said = text(record, "line") or text(record, "message") or text(record, "text")
    replica = one_line(text(record, "replica") or text(record, "version"))
    moment = f"{clock(record.get('time'))}  " if record.get("time") is not None else ""
    head = paint(f"{moment}{replica} |", "cyan")
    return "\n".join(f"{head} {printable(line).rstrip()}" for line in _readable(said).splitlines() or [""])


def _readable(said: str) -> str:
    if not said.startswith('{"time":'):
        return said
    try:
        return event_text(msgspec.json.decode(said, type=dict[str, Any]))
    except (msgspec.DecodeError, KeyError, TypeError):
        return said  # the model's own output, which only looks like an event


def _style(status: str) -> Style:
    if status.startswith("2"):
        return "green"
    return "yellow" if status.startswith("4") else "red"
