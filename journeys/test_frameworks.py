"""One project per framework, from training to an answer: its loader opens what the framework wrote, and what it says is said over HTTP.

Each group of frameworks has an environment of its own, made by `scripts/test-frameworks`; what is not there is skipped by name.
"""

import http.client
import json
import os
import re
import signal
import subprocess
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from journeys.running_platform import wait_for
from journeys.snippets import blocks

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(400)]
ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples" / "frameworks"
ENVIRONMENTS = ROOT / ".cache" / "frameworks"
LOADER_TESTS = ROOT / "packages" / "modelway" / "tests" / "frameworks"
GROUPS = {
    "sklearn": "small",
    "xgboost": "small",
    "lightgbm": "small",
    "onnx": "small",
    "pytorch": "torch",
    "transformers": "torch",
    "tensorflow": "tensorflow",
}
TESTS = {
    "small": ("test_sklearn.py", "test_boosted_trees.py"),
    "torch": ("test_torch.py", "test_transformers.py", "test_gpu.py"),
    "tensorflow": ("test_tensorflow.py",),
}
# Its threads are fixed once it has trained: the page has to open the model as the handler does, which is served below.
ALONE = {"tensorflow"}
AT_ONCE = 24
PAGE = (ROOT / "docs" / "frameworks.md").read_text(encoding="utf-8")
LOADERS = {name: f"load_{name}" for name in GROUPS} | {"pytorch": "load_torch"}
# A handler of the page opens what an example's training wrote; in the same process, as imports take most of the time.
LOAD_IT = """
from modelway import Handler
from modelway.testing import Client
(kind,) = [each for each in list(globals().values()) if isinstance(each, type) and issubclass(each, Handler) and each is not Handler]
with Client(kind, files=".") as client:
    print("page:", client.signature.endpoints[0].name)
"""
TRAIN_IT = "import examples.frameworks.{name}.train as train; train.main()"


def python_of(group: str) -> Path:
    """The interpreter of a group's environment."""
    python = ENVIRONMENTS / group / "bin" / "python"
    if not (ENVIRONMENTS / group / "stamp").is_file():
        pytest.skip(f"the environment '{group}' is not there; scripts/test-frameworks makes it where it can")
    return python


def run(python: Path, *words: str, cwd: Path = ROOT) -> str:
    """A Python command of that environment; what it printed."""
    command = [str(python), *words]
    environment = {**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True, slots=True)
class Server:
    """A model server on loopback."""

    port: int

    def ask(self, path: str, body: Any) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", path, body=json.dumps(body))
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200, text
            return json.loads(text)
        finally:
            connection.close()


@contextmanager
def serving(python: Path, package: Path, log: Path) -> Generator[Server]:
    """`modelway serve` of a package until the block ends."""
    command = [str(python), "-m", "modelway.cli.main", "serve", str(package), "--port", "0", "--threads", "1"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=log.parent, stdout=out, stderr=out, start_new_session=True)

    def port() -> int:
        assert process.poll() is None, log.read_text()
        found = re.search(r"^ready.* on http://127\.0\.0\.1:(\d+)", log.read_text(), re.MULTILINE)
        return int(found[1]) if found else 0

    try:
        yield Server(wait_for("ready", port, 120))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a project: its package, its golden examples, what the command printed."""

    package: Path
    golden: list[dict[str, Any]]
    printed: str


class Workshop:
    """Trains, packages and tests on every core at once, as it is mostly imports that take the time; results are asked for later."""

    def __init__(self, folder: Path, pool: ThreadPoolExecutor) -> None:
        self._folder = folder
        self._packages = {name: pool.submit(self._package, name) for name in sorted(GROUPS, key=_longest_first)}
        self._tests = {group: pool.submit(self._test, group) for group in TESTS}

    def package(self, name: str) -> Made:
        python_of(GROUPS[name])
        return self._packages[name].result()

    def tests(self, group: str) -> str:
        python_of(group)
        return self._tests[group].result()

    def _package(self, name: str) -> Made:
        python = python_of(GROUPS[name])
        trained, page = TRAIN_IT.format(name=name), page_handler(name)
        work = f"import os, sys; os.chdir('examples/frameworks/{name}'); sys.path.insert(0, '')\n"
        opened = run(python, "-c", f"{trained}\n{work}{page}" if name not in ALONE else trained)
        if name in ALONE:
            opening = next(line for line in page.splitlines() if LOADERS[name] in line and "=" in line)
            assert opening in (EXAMPLES / name / "handler.py").read_text(encoding="utf-8").splitlines()
        else:
            assert ("page: " in opened) == bool(page), "the page's handler opens the model"
        target = self._folder / name
        printed = run(python, "-m", "modelway.cli.main", "package", str(EXAMPLES / name), "-o", str(target))
        (package,) = target.glob("*.mwpkg")
        golden = json.loads((EXAMPLES / name / "examples.json").read_text(encoding="utf-8"))
        return Made(package, golden, printed)

    def _test(self, group: str) -> str:
        files = [str(LOADER_TESTS / each) for each in TESTS[group]]
        return run(python_of(group), "-m", "pytest", "-q", "-rs", "-W", "default", "-p", "no:cacheprovider", *files)


def page_handler(name: str) -> str:
    """The handler that the page shows for this framework, and a line that loads it; empty if it shows none."""
    found = [
        each.text for each in blocks(PAGE) if each.language == "python" and f"import {LOADERS[name]}\n" in each.text
    ]
    return found[0] + LOAD_IT if found else ""


def _longest_first(name: str) -> int:
    return ("tensorflow", "transformers", "pytorch").index(name) if GROUPS[name] != "small" else len(GROUPS)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Generator[Workshop]:
    """One for all tests of this file."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield Workshop(tmp_path_factory.mktemp("workshop"), pool)


def same(answer: Any, expected: Any, tolerance: float) -> None:
    """What was served is what the framework said, number by number."""
    assert answer.keys() == expected.keys()
    for name, value in expected.items():
        assert answer[name] == (pytest.approx(value, abs=tolerance) if isinstance(value, float) else value), name


@pytest.mark.parametrize("name", sorted(GROUPS, key=_longest_first))
def test_what_is_served_is_what_the_framework_says(name: str, workshop: Workshop, tmp_path: Path) -> None:
    made = workshop.package(name)
    golden = made.golden
    assert f"{len(golden)} golden examples answered" in made.printed
    with serving(python_of(GROUPS[name]), made.package, tmp_path / "server.log") as server:
        many = [golden[number % len(golden)] for number in range(AT_ONCE)]
        with ThreadPoolExecutor(AT_ONCE) as pool:  # together, so that they are batched
            answers = pool.map(
                server.ask, [f"/{each['endpoint']}" for each in many], [each["request"] for each in many]
            )
        for each, answer in zip(many, answers, strict=True):
            same(answer, each["response"], each["tolerance"])
        if "image" in golden[0]["request"]:
            over_open_inference(server, golden)


def over_open_inference(server: Server, golden: list[dict[str, Any]]) -> None:
    """The same through the Open Inference Protocol, all images as one tensor."""
    images = [each["request"]["image"] for each in golden]
    tensor = {"name": "image", "datatype": "FP32", "shape": [len(images), 64], "data": images}
    name = server_model(server)
    answer = server.ask(f"/v2/models/{name}/infer", {"inputs": [tensor]})
    outputs = {each["name"]: each["data"] for each in answer["outputs"]}
    for index, each in enumerate(golden):
        row = {field: outputs[field][index] for field in each["response"]}
        same(row, each["response"], each["tolerance"])


def server_model(server: Server) -> str:
    """The model's name, as the server's own index has it."""
    (model,) = server.ask("/v2/repository/index", {})
    return model["name"]


def test_check_finds_nothing_wrong_with_a_framework_project(workshop: Workshop) -> None:
    workshop.package("onnx")
    out = run(python_of("small"), "-m", "modelway.cli.main", "check", str(EXAMPLES / "onnx"))
    assert "answers its 8 golden examples" in out
    assert "problem" not in out


@pytest.mark.parametrize("group", TESTS)
def test_loaders_with_their_frameworks(group: str, workshop: Workshop) -> None:
    printed = workshop.tests(group)
    print(printed)
    skipped = [line for line in printed.splitlines() if line.startswith("SKIPPED") and "test_gpu" not in line]
    assert not skipped, "in its own environment each of them runs"
