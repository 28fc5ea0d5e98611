"""One gateway under test, and one run of wrk against it."""

import re
import statistics
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.machine import cpu_seconds

SECRET = "mw_benchmark"
PATH = "/bench/digits/predict"
Row = dict[str, float]

_SCRIPT = """
wrk.headers["X-API-Key"] = "%s"
done = function(summary, latency, requests)
  local bad = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format("RESULT %%d %%d %%f %%f %%d\\n", summary.requests, summary.duration,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, bad))
end
"""
# Each head another: nothing that is kept for heads that come again can help.
_DISTINCT_HEADS = """
local number = 0
request = function()
  number = number + 1
  wrk.headers["X-Trace"] = tostring(number)
  return wrk.format()
end
"""
_MANY_PATHS = """
local paths = {%s}
local number = 0
request = function()
  number = number %% #paths + 1
  return wrk.format(nil, paths[number])
end
"""


@dataclass(slots=True)
class Server:
    """A gateway under test with what was measured of it, by what was asked."""

    name: str
    processes: list[subprocess.Popen[bytes]]
    url: str
    rows: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])

    def median(self, asked: str, figure: str) -> float:
        """Over the rounds."""
        return statistics.median(row[figure] for row in self.rows[asked])

    def ratio(self, other: "Server", asked: str, figure: str = "rps", per: str | None = None) -> float:
        """Median over the rounds of our figure to theirs, of the same round."""
        pairs = zip(self.rows[asked], other.rows[per or asked], strict=True)
        return round(statistics.median(mine[figure] / theirs[figure] for mine, theirs in pairs), 3)


def write_scripts(folder: Path, paths: Sequence[str] = ()) -> dict[str, Path]:
    """Wrk's scripts: the same head again and again, heads that all differ, and `paths` in turn."""
    head = _SCRIPT % SECRET
    texts = {"same": head, "distinct": head + _DISTINCT_HEADS}
    if paths:
        texts["paths"] = head + _MANY_PATHS % ",".join(f"'{path}'" for path in paths)
    found: dict[str, Path] = {}
    for name, text in texts.items():
        found[name] = folder / f"{name}.lua"
        found[name].write_text(text)
    return found


def measure(server: Server, script: Path, connections: int, seconds: float) -> Row:
    """One run against one server; CPU of all its processes, in microseconds per request."""
    before = sum(cpu_seconds(process.pid) for process in server.processes)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(seconds, 1):g}s", "-s", str(script), server.url + PATH]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = sum(cpu_seconds(process.pid) for process in server.processes) - before
    found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)", out)
    if found is None:
        raise SystemExit(f"bench-gateway: wrk gave no result for {server.name}:\n{out}")
    requests, micros, p50, p99, errors = (float(each) for each in found.groups())
    return {
        "rps": (requests - errors) / (micros / 1e6),
        "p50_ms": p50,
        "p99_ms": p99,
        "cpu_us": used / max(requests, 1) * 1e6,
        "errors": errors,
    }


def status_of(server: Server, key: str = SECRET, path: str = PATH) -> int:
    """What one request is answered with; a right answer is checked, too."""
    request = urllib.request.Request(server.url + path, headers={"X-API-Key": key} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            if b'"label":7' not in answer.read():
                raise SystemExit(f"bench-gateway: {server.name} answers wrongly")
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def check(server: Server, *, keyed: bool) -> None:
    """A server that does not do what is compared gives no figure."""
    if status_of(server) != 200:
        raise SystemExit(f"bench-gateway: {server.name} does not answer")
    if keyed and (refused := (status_of(server, "mw_other"), status_of(server, ""))) != (401, 401):
        raise SystemExit(f"bench-gateway: {server.name} answers {refused} to wrong and missing keys")


def check_limit(server: Server, requests: int) -> None:
    """A server whose limit is far below `requests` at once must answer some of them, and refuse some with 429."""
    found = {status_of(server) for _ in range(requests)}
    if found != {200, 429}:
        raise SystemExit(f"bench-gateway: {server.name} answers {sorted(found)} over its limit")
