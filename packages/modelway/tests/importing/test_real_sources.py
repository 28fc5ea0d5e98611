"""Sources made by the tools themselves, imported, packaged and served: they answer what the originals answer."""

import http.client
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from modelway.cli.main import main
from modelway.packaging.golden_examples import difference

if TYPE_CHECKING:
    from conftest import Sources

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

REQUESTS: dict[str, Any] = {
    "sklearn": {
        "inputs": [{"name": "measures", "shape": [1, 4], "datatype": "FP64", "data": [5.1, 3.5, 1.4, 0.2]}],
    },
    "own": {"inputs": [{"name": "x", "shape": [2], "datatype": "FP64", "data": [1, 2]}]},
    "Iris_Model.mar": [5.1, 3.5, 1.4, 0.2],
    "counting.mar": [5.1, 3.5, 1.4, 0.2],
}


def import_one(sources: "Sources", name: str, projects: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    arguments = ["import", str(sources.folder / name), "-o", "json"]
    folder = projects / {"Iris_Model.mar": "iris-model", "counting.mar": "counting"}.get(name, name)
    if name in REQUESTS:
        example = projects / "example.json"
        example.write_text(json.dumps(REQUESTS[name]))
        arguments += ["--example", str(example)]
    assert main([*arguments, "--output", str(folder)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert json.loads((folder / "import-report.json").read_text()) == {
        key: value for key, value in report.items() if key != "project"
    }
    return report


def fates(report: dict[str, Any]) -> dict[str, str]:
    return {each["thing"]: each["fate"] for each in report["items"]}


def test_all_kinds_answer_as_their_originals(
    sources: "Sources", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("array", "function", "own", "Iris_Model.mar", "counting.mar"):
        import_one(sources, name, tmp_path, capsys)
    done = sources.run(
        str(Path(__file__).with_name("answer_all.py")),
        str(tmp_path),
        str(sources.folder / "answers.json"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    found, right = json.loads(done.stdout.splitlines()[-1]), sources.answers
    assert difference(right["array"], found["array"], 1e-9) == ""
    assert found["function"] == right["function"]
    assert found["counting"] == right["labels"]
    assert [each["label"] for each in found["archive"]] == ["setosa", "versicolor", "virginica"]
    assert difference(right["scores"], [each["scores"] for each in found["archive"]], 1e-9) == ""
    assert found["raw"]["label"] == "setosa"
    assert found["archive_refuses"] == ["invalid_input", "four numbers are needed"]
    assert found["own"]["outputs"][0]["data"] == [3, 6]
    assert found["own"]["id"] == "7"
    assert found["own_refuses"] == ["invalid_input", "too many"]
    assert found["own_rejects"][0] == "invalid_input"


@pytest.mark.parametrize("name", ["frame", "sklearn", "Iris_Model.mar"])
def test_packaged_and_served(name: str, sources: "Sources", tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = import_one(sources, name, tmp_path, capsys)
    folder = Path(report["project"])
    sources.modelway("package", "-o", "dist", cwd=folder)
    package = next((folder / "dist").glob("*.mwpkg"))
    rows = sources.answers["rows"]
    with Served(sources, package) as server:
        if name == "frame":
            columns = ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm")
            got = [server.ask("/predict", dict(zip(columns, row, strict=True))) for row in rows]
            assert got == sources.answers["frame"]
        elif name == "sklearn":
            assert fates(report)["max_batch_size"] == "carried over"
            got = server.ask("/v2/models/iris/infer", {"inputs": [{**REQUESTS["sklearn"]["inputs"][0]}]})
            assert difference(sources.answers["scores"][:1], [json.loads(got["outputs"][0]["data"][0])], 1e-9) == ""
            got = [server.ask("/predict", {"measures": row}) for row in rows]
            assert difference(sources.answers["scores"], got, 1e-9) == ""
        else:
            got = [server.ask("/predictions", {"body": row})["scores"] for row in rows]
            assert difference(sources.answers["scores"], got, 1e-9) == ""


def test_reports_say_what_is_left(sources: "Sources", tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = fates(import_one(sources, "Iris_Model.mar", tmp_path, capsys))
    assert archive["handler handler.py"] == "carried over"
    assert archive["model-config.yaml: batchSize"] == "carried over"
    assert archive["model-config.yaml: maxBatchDelay"] == "changed"
    assert archive["model-config.yaml: minWorkers"] == "not carried over"
    assert archive["needs.txt: --extra-index-url https://example.invalid"] == "not carried over"
    counting = fates(import_one(sources, "counting.mar", tmp_path, capsys))
    assert counting["counting.py: metrics"] == "changed"
    assert counting["requirement joblib"] == "changed"
    frame = fates(import_one(sources, "of-mlflow", tmp_path, capsys))
    assert frame["implementation mlserver_mlflow.MLflowRuntime"] == "carried over"
    assert frame["requirement mlflow==3.17.2"] == "changed"
    assert 'self.files / "model/frame/model.skops"' in (tmp_path / "of-mlflow" / "handler.py").read_text()
    page = (tmp_path / "iris-model" / "import-report.md").read_text()
    assert "| model-config.yaml: minWorkers | not carried over |" in page


class Served:
    """`modelway serve PACKAGE` in the environment of the other tools."""

    def __init__(self, sources: "Sources", package: Path) -> None:
        self._log = package.with_suffix(".log")
        command = [str(sources.python), "-P", "-m", "modelway.cli.main", "serve", str(package), "--port", "0"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=dict(os.environ))

    def __enter__(self) -> Self:
        ends = time.monotonic() + 90
        while "\ntry it:" not in f"\n{self._log.read_text()}":
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < ends, self._log.read_text()
            time.sleep(0.02)
        line = next(line for line in self._log.read_text().splitlines() if line.startswith("ready"))
        self._port = int(line.split("http://127.0.0.1:")[1].split()[0])
        return self

    def ask(self, path: str, body: Any) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            connection.request("POST", path, body=json.dumps(body), headers={"content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200, text
            return json.loads(text)
        finally:
            connection.close()

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(20)
