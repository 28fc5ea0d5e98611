"""The load: wrk for HTTP with sixteen bodies in turn, h2load for gRPC; single requests for the checks."""

import http.client
import re
import subprocess
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, cast

import grpc

from benchmarks.serving.wire import Request

_SCRIPT = """
local bodies = {}
for number = 1, %(count)d do
  local file = io.open("%(folder)s/body" .. number, "rb")
  bodies[number] = file:read("*a")
  file:close()
end
local next = 0
local headers = {}
%(headers)s
request = function()
  next = next %% #bodies + 1
  return wrk.format("POST", nil, headers[next], bodies[next])
end
done = function(summary, latency, requests)
  local bad = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format("RESULT %%d %%d %%f %%f %%d\\n", summary.requests, summary.duration,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, bad))
end
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: good answers per second, latencies in ms (0 where the generator tells none), failures."""

    good: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int


class AnswerError(Exception):
    """A server answered with something else than success; the text is what."""


def ask_http(port: int, request: Request) -> bytes:
    """One request.

    Raises:
        AnswerError: The status is not 200.
        OSError: Nobody answers.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", request.path, request.body, request.headers)
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()
    if answer.status != 200:
        raise AnswerError(f"{answer.status}: {body[:300]!r}")
    return body


def ask_grpc(port: int, request: Request) -> bytes:
    """One call, given and answered without the length prefix.

    Raises:
        AnswerError: Any status but OK.
    """
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: Any = cast("Any", channel).unary_unary(request.path)
        try:
            return call(request.body[5:], timeout=20)
        except grpc.RpcError as error:
            raise AnswerError(str(error)[:300]) from error


def run_wrk(port: int, requests: list[Request], connections: int, seconds: float, folder: Path) -> Measured:
    """A closed loop of so many connections; wrk takes whole seconds."""
    headers: list[str] = []
    for number, request in enumerate(requests, start=1):
        (folder / f"body{number}").write_bytes(request.body)
        pairs = ", ".join(f'["{key}"] = "{value}"' for key, value in request.headers.items())
        headers.append(f"headers[{number}] = {{{pairs}}}")
    script = folder / "load.lua"
    script.write_text(_SCRIPT % {"count": len(requests), "folder": folder, "headers": "\n".join(headers)})
    url = f"http://127.0.0.1:{port}{requests[0].path}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{ceil(seconds)}s", "--timeout", "20s", "-s", str(script), url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)", out)
    if found is None:
        raise AnswerError(f"wrk gave no result: {out[-300:]}")
    answered, micros, p50, p99, errors = (float(each) for each in found.groups())
    return Measured(int(answered - errors), micros / 1e6, p50, p99, int(errors))


def run_h2load(port: int, requests: list[Request], connections: int, seconds: float, folder: Path) -> Measured:
    """A closed loop, one call at a time per connection; h2load sends one body and cannot see gRPC's statuses."""
    body, log = folder / "body", folder / "latencies"
    body.write_bytes(requests[3].body)
    log.unlink(missing_ok=True)
    headers = [word for key, value in requests[3].headers.items() for word in ("-H", f"{key}: {value}")]
    url = f"http://127.0.0.1:{port}{requests[3].path}"
    words = ["-t1", f"-c{connections}", "-m1", f"-D{seconds:g}", "-d", str(body), f"--log-file={log}", *headers, url]
    out = subprocess.run(["h2load", *words], capture_output=True, text=True, check=True).stdout
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", out)
    if counts is None or not int(counts[1]):
        raise AnswerError(f"h2load gave no result: {out[-300:]}")
    micros = sorted(int(line.split()[2]) for line in log.read_text().splitlines())
    p50, p99 = (micros[int(len(micros) * share)] / 1000 for share in (0.5, 0.99))
    return Measured(int(counts[1]), seconds, p50, p99, int(counts[2]) + int(counts[3]))
