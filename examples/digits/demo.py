"""Walks two versions of a digit classifier through the whole platform: train, package, deploy, route, answer.

python -m examples.digits.demo          runs until Ctrl-C
python -m examples.digits.demo --exit   stops everything after the table; exit status 0 only if every check passed
"""

import argparse
import asyncio
import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from examples.digits import train
from examples.digits.local_platform import DemoError, LocalPlatform, fresh_directory
from examples.digits.traffic import Caller, Reply, send
from examples.digits.verdict import Verdict, judge

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CONNECTIONS = 16
MODEL = "vision/digits"
VERSIONS = ("v1", "v2")


class Demo:
    """The steps, in the order in which a person would take them."""

    def __init__(self, console: Console, directory: Path, workers: int) -> None:
        self.console = console
        self.workers = workers
        self.platform = LocalPlatform(directory)
        self.digits = train.load()
        self.key = ""

    def run(self) -> Verdict:
        """Everything up to the table."""
        with self.step("train two versions on scikit-learn's digits"):
            train.main()
        for version in VERSIONS:
            command = ("package", f"examples/digits/{version}", "-o", "examples/digits/dist")
            with self.step(f"modelway {' '.join(command)}"):
                self.platform.run("package", str(HERE / version), "-o", str(HERE / "dist"))
        with self.step(f"modelway up --workers {self.workers}"):
            self.platform.start(self.workers)
        documents = [argument for name in ("deployments.yaml", "route.yaml") for argument in ("-f", str(HERE / name))]
        with self.step("modelway apply -f examples/digits/deployments.yaml -f examples/digits/route.yaml"):
            self.platform.run("apply", *documents)
            with self.platform.control() as control:
                self.key = control.create_key("demo").secret
        self.wait_until_ready()
        replies = self.send_all()
        verdict = judge(self.digits, replies, self.declared_weights(), self.workers)
        self.show(verdict)
        return verdict

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a step while it runs, then its time."""
        started = time.monotonic()
        with self.console.status(name):
            yield
        self.console.print(
            f"[green]✓[/] {name}  [dim]{time.monotonic() - started:.1f} s[/]", highlight=False, soft_wrap=True
        )

    def wait_until_ready(self) -> None:
        """Show every deployment's phase until all replicas answer."""
        started = time.monotonic()
        seen: dict[str, str] = {}
        with Live(console=self.console, transient=True, refresh_per_second=10) as live:

            def report(deployments: list[dict[str, Any]]) -> None:
                live.update(phase_table(deployments, time.monotonic() - started))
                for deployment in deployments:
                    name, phase = deployment["metadata"]["name"], deployment["status"]["phase"]
                    if seen.get(name) != phase:
                        seen[name] = phase
                        self.console.print(
                            f"  [dim]{time.monotonic() - started:5.1f} s[/]  {name}  {phase}", highlight=False
                        )

            self.platform.wait_until_ready(80.0, report)
        asyncio.run(self.warm_up())
        self.console.print(
            f"[green]✓[/] all replicas ready  [dim]{time.monotonic() - started:.1f} s[/]", highlight=False
        )

    async def warm_up(self) -> None:
        """Ask each version by its pinned URL, which takes no turn of the weights, until the gateway knows it."""
        body = json.dumps({"image": self.digits.images[0].tolist()}).encode()
        async with self.caller() as caller:
            for version in VERSIONS:
                for _attempt in range(50):
                    reply = await caller.post(f"/{MODEL}/{version}/predict", body)
                    if reply.status == 200:
                        break
                    await asyncio.sleep(0.1)
                else:
                    raise DemoError(f"{MODEL}/{version} does not answer: {reply.status} {reply.error}{reply.body!r}")

    def caller(self) -> Caller:
        gateway = urlsplit(self.platform.context["gateway"])
        return Caller(gateway.hostname or "", gateway.port or 80, self.key)

    def send_all(self) -> list[Reply | None]:
        """Send every image once."""
        bodies = [json.dumps({"image": image.tolist()}).encode() for image in self.digits.images.astype(int)]
        replies: list[Reply | None] = [None] * len(bodies)
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(f"real images over {CONNECTIONS} connections", total=len(bodies))

            def on_reply(index: int, reply: Reply) -> None:
                replies[index] = reply
                progress.advance(task)

            callers = [self.caller() for _ in range(CONNECTIONS)]
            asyncio.run(send(callers, f"/{MODEL}/predict", bodies, on_reply))
        return replies

    def declared_weights(self) -> dict[str, int]:
        """The weights of the route as the platform has it."""
        with self.platform.control() as control:
            route = control.get("routes", MODEL)
        return {entry["version"]: entry["weight"] for entry in route["spec"]["versions"]}

    def show(self, verdict: Verdict) -> None:
        """The table and the checks."""
        title = f"{len(self.digits.labels):,} requests to {MODEL}"
        table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
        table.caption, table.caption_justify = "unseen: accuracy on images not used in training", "left"
        table.add_column("version")
        heads = ("requests", "share", "declared", "accuracy", "unseen", "p50 ms", "p99 ms", "errors")
        for head in heads:
            table.add_column(head, justify="right")
        for row in verdict.rows:
            table.add_row(
                row.version,
                f"{row.requests:,}",
                f"{row.share:.2%}",
                f"{row.declared_share:.2%}",
                f"{row.accuracy:.2%}",
                f"{row.accuracy_unseen:.2%}",
                f"{row.p50_ms:.1f}",
                f"{row.p99_ms:.1f}",
                str(row.errors),
            )
        self.console.print("", table, "")
        if verdict.passed:
            self.console.print(
                f"[green]✓[/] every request answered · shares within {self.workers} of exact · accuracy as declared · "
                "every answer equal to the model file's own",
                soft_wrap=True,
                highlight=False,
            )
        for problem in verdict.problems:
            self.console.print(f"[red]✗[/] {problem}", highlight=False)

    def show_next(self) -> None:
        """Where it runs, the key, and what to try."""
        context = self.platform.context
        image = json.dumps({"image": self.digits.images[0].astype(int).tolist()}, separators=(",", ":"))
        home = self.platform.home.relative_to(ROOT)
        lines = (
            "",
            f"gateway  {context['gateway']}",
            f"control  {context['control']}",
            f"key      {self.key}",
            "",
            "In another terminal:",
            "",
            f"  export MODELWAY_HOME={home} PATH=$PWD/.venv/bin:$PATH",
            "  modelway get deployments",
            "  modelway get endpoints --watch",
            f"  modelway describe deployment {MODEL}/v2",
            f"  modelway logs {MODEL} -f",
            "  modelway apply -f examples/digits/route.yaml     # after changing the weights in it",
            f"  modelway rollout history route {MODEL}",
            f"  modelway call {MODEL} predict -d '{image}'",
            "",
            f"  curl {context['gateway']}/{MODEL}/predict -H 'X-API-Key: {self.key}' -d '{image}'",
            "",
        )
        for line in lines:
            self.console.print(line, highlight=False, markup=False, soft_wrap=True)


def phase_table(deployments: Sequence[dict[str, Any]], seconds: float) -> Table:
    """How far every deployment is."""
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
    for deployment in deployments:
        status = deployment["status"]
        replicas = status["replicas"]
        style = {"Ready": "green", "Failed": "red"}.get(status["phase"], "yellow")
        table.add_row(
            deployment["metadata"]["name"],
            f"[{style}]{status['phase']}[/]",
            f"{replicas['ready']}/{replicas['wanted']} ready",
            status.get("message") or "",
        )
    table.add_row("", "", f"{seconds:.0f} s", "")
    return table


def stop(demo: Demo) -> int:
    """Stop the platform; says so when that fails."""
    with demo.console.status("stopping replicas, gateway and control"):
        status = demo.platform.stop()
    if status:
        demo.console.print(f"[red]✗[/] `modelway up` ended with status {status}; its log is {demo.platform.log}")
    return status


def main() -> int:
    """Run the demo; 0 when every check passed."""
    parser = argparse.ArgumentParser(prog="python -m examples.digits.demo", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--exit", action="store_true", help="stop everything after the table")
    parser.add_argument("--workers", type=int, default=2, help="gateway worker processes (2)")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # stopping us stops the platform
        signal.signal(number, signal.default_int_handler)
    console = Console()
    started = time.monotonic()
    directory = fresh_directory(ROOT / ".demo")
    demo = Demo(console, directory, options.workers)
    passed = False
    try:
        verdict = demo.run()
        passed = verdict.passed
        console.print(f"[dim]{time.monotonic() - started:.1f} s in all[/]", highlight=False)
        if not options.exit:
            demo.show_next()
            console.print("It runs until Ctrl-C.")
            while demo.platform.alive():
                time.sleep(0.2)
    except DemoError as error:
        passed = False
        console.print(f"[red]✗[/] {error}", highlight=False, markup=False)
    except KeyboardInterrupt:
        console.print()
    stopped = stop(demo)
    if passed and not stopped:
        shutil.rmtree(directory, ignore_errors=True)
    return 0 if passed and not stopped else 1


if __name__ == "__main__":
    sys.exit(main())
