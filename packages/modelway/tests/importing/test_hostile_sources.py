"""Sources that lie, bomb or point elsewhere: refused with a reason, and nothing is written."""

import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from modelway.cli.main import main
from modelway.errors import ConflictError, InvalidPackageError, ModelwayError
from modelway.importing import Importing, import_project
from modelway.packaging.limits import Limits

MANIFEST = {
    "createdOn": "01/01/2026 00:00:00",
    "runtime": "python",
    "model": {"modelName": "m", "handler": "h.py", "modelVersion": "1.0"},
    "archiverVersion": "0.12.0",
}
HANDLER = "def handle(data, context):\n    return data\n"


def archive(folder: Path, entries: dict[str, bytes | str] | None = None, manifest: object = MANIFEST) -> Path:
    path = folder / "m.mar"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in {"h.py": HANDLER, **(entries or {})}.items():
            made.writestr(name, data)
        made.writestr("MAR-INF/MANIFEST.json", manifest if isinstance(manifest, str) else json.dumps(manifest))
    return path


def mlflow(folder: Path, text: str, files: dict[str, str] | None = None) -> Path:
    model = folder / "model"
    model.mkdir()
    (model / "MLmodel").write_text(text)
    for name, content in (files or {}).items():
        (model / name).write_text(content)
    return model


def mlserver(folder: Path, settings: object, files: dict[str, str] | None = None) -> Path:
    model = folder / "served"
    model.mkdir()
    (model / "model-settings.json").write_text(settings if isinstance(settings, str) else json.dumps(settings))
    for name, content in (files or {}).items():
        (model / name).write_text(content)
    return model


def refusal(source: Path, folder: Path, importing: Importing | None = None) -> str:
    target = folder / "out" / "project"
    with pytest.raises(ModelwayError) as caught:
        import_project(source, target, importing)
    assert caught.value.hint
    assert not target.exists()
    assert not target.parent.exists() or list(target.parent.iterdir()) == []
    return caught.value.message


@pytest.mark.parametrize(
    "name",
    [
        "../evil.py",
        "/etc/evil",
        "a/../../evil",
        "a\\..\\evil",
        "C:evil",
        "a//b",
        "a/./b",
        "évil".encode().decode("latin-1") + "\u202e",
    ],
)
def test_entries_that_lead_elsewhere(name: str, tmp_path: Path) -> None:
    said = refusal(archive(tmp_path, {name: "x"}), tmp_path)
    assert "the path" in said or "a component" in said


def test_links_in_archives(tmp_path: Path) -> None:
    path = tmp_path / "m.mar"
    with zipfile.ZipFile(path, "w") as made:
        link = zipfile.ZipInfo("model.pt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(link, "/etc/passwd")
        made.writestr("MAR-INF/MANIFEST.json", json.dumps(MANIFEST))
    assert "is a link" in refusal(path, tmp_path)


def test_two_entries_that_are_one_file(tmp_path: Path) -> None:
    assert "same place" in refusal(archive(tmp_path, {"H.py": "x"}), tmp_path)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = archive(tmp_path, {"zeros.bin": bytes(80_000_000)})
    assert path.stat().st_size < 200_000
    assert "times as much" in refusal(path, tmp_path)


def test_entries_that_share_their_bytes(tmp_path: Path) -> None:
    # Fifield's bomb: many entries of the index point at one block of data.
    path = archive(tmp_path, {"zeros.bin": bytes(20_000_000)})
    data = path.read_bytes()
    with zipfile.ZipFile(path) as made:
        info = made.getinfo("zeros.bin")
        start = made.start_dir
    index = data[start : data.rindex(b"PK\x05\x06")]
    at = index.index(b"zeros.bin") - 46
    entry = index[at : at + 46 + len("zeros.bin") + len(info.extra)]
    copies = b"".join(entry.replace(b"zeros.bin", f"zeros.{n:03d}".encode()) for n in range(50))
    end = bytearray(data[-22:])
    count = len(zipfile.ZipFile(path).infolist()) + 50
    end[8:12] = count.to_bytes(2, "little") * 2
    end[12:16] = (len(index) + len(copies)).to_bytes(4, "little")
    path.write_bytes(data[:start] + index + copies + bytes(end))
    assert len(zipfile.ZipFile(path).infolist()) == count
    assert "times as much" in refusal(path, tmp_path)


@pytest.mark.parametrize("cut", [10, 200, -30])
def test_truncated_and_damaged_archives(cut: int, tmp_path: Path) -> None:
    path = archive(tmp_path, {"model.bin": os.urandom(5000)})
    path.write_bytes(path.read_bytes()[:cut])
    assert "zip archive" in refusal(path, tmp_path)


def test_damaged_content(tmp_path: Path) -> None:
    path = archive(tmp_path, {"model.bin": b"A" * 5000})
    data = bytearray(path.read_bytes())
    data[data.index(b"model.bin") + 15] ^= 0xFF
    path.write_bytes(data)
    assert "model.bin" in refusal(path, tmp_path)


def test_an_index_too_large_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / "m.mar"
    end = b"PK\x05\x06" + bytes(4) + (65535).to_bytes(2, "little") * 2 + (2**31).to_bytes(4, "little") + bytes(6)
    path.write_bytes(bytes(100) + end)
    assert "list of entries" in refusal(path, tmp_path)


def test_more_than_a_package_may_hold(tmp_path: Path) -> None:
    path = archive(tmp_path, {f"{n}.txt": "x" for n in range(30)})
    assert "entries" in refusal(path, tmp_path, Importing(limits=Limits(entries=20)))
    assert "bytes" in refusal(path, tmp_path, Importing(limits=Limits(total_bytes=20)))


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "must be an object"),
        ({"model": []}, "must be an object"),
        ({"model": {"modelName": "m"}}, "handler"),
        ({"model": {"modelName": "m", "handler": "text_classifier"}}, "neither in the archive nor built in"),
        ({"model": {"modelName": "m", "handler": "h.py", "serializedFile": "../../etc/passwd"}}, "not in the archive"),
        ({"model": {"modelName": "…", "handler": "h.py"}}, "cannot be a model's name"),
        ({"runtime": "LSP", "model": {"modelName": "m", "handler": "h.py"}}, "only Python"),
        ({"model": {"modelName": {"a": 1}, "handler": "h.py"}}, "must be a text"),
    ],
)
def test_wrong_manifests(manifest: object, said: str, tmp_path: Path) -> None:
    assert said in refusal(archive(tmp_path, manifest=manifest), tmp_path)


ALIASES = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ALIASES, "aliases"),
        ("[" * 500, "nested too deeply"),
        ("a: !!python/object/apply:os.system [touch pwned]\n", "not plain YAML"),
        ("a: 2026-99-99T99:99:99\n", "not plain YAML"),
        ("- a\n", "must be an object"),
        ("a: [\n", "not plain YAML"),
        ("flavors: {}\n" + "x: 1\n" * 300_000, "at most"),
        ("x: [" + "1," * 60_000 + "]\n", "too many values"),
        ("flavors: 7\n", "must be an object"),
        ("flavors: {}\n", "no python_function"),
        ("flavors: {sklearn: {pickled_model: ../../x.pkl}}\n", "not in the folder"),
        ("flavors: {python_function: {predict_fn: 'a(b)'}, sklearn: {}}\n", "no method"),
        ("flavors: {python_function: {}}\nsignature: {inputs: '{'}\n", "not JSON"),
        ("flavors: {python_function: {}}\nsignature: {inputs: '[7]'}\n", "list of objects"),
        (
            'flavors: {python_function: {}}\nsignature: {inputs: \'[{"type": "tensor", "tensor-spec": {"dtype": "int8", "shape": ["a"]}}]\'}\n',
            "not a shape",
        ),
    ],
)
def test_wrong_mlmodels(text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refusal(mlflow(tmp_path, text), tmp_path)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("{", "not JSON"),
        ({}, "implementation is missing"),
        ({"implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": "s3://b/m"}}, "not in the folder"),
        (
            {"implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": "/etc/passwd"}},
            "not in the folder",
        ),
        ({"implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": "../x"}}, "leaves the package"),
        ({"implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": "./x"}}, "is not there"),
        ({"implementation": "mlserver_sklearn.SKLearnModel"}, "none of model.joblib"),
        ({"implementation": "mlserver_sklearn.SKLearnModel", "parameters": []}, "must be an object"),
        ({"implementation": "os;system"}, "not a class"),
        ({"implementation": "missing.Model"}, "missing.py is not in the folder"),
    ],
)
def test_wrong_settings(settings: object, said: str, tmp_path: Path) -> None:
    assert said in refusal(mlserver(tmp_path, settings), tmp_path)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"parameters": {"uri": "m", "extra": {"predict_fn": "__class__"}}}, "predict_fn"),
        ({"inputs": [{"name": "x", "datatype": "STRING", "shape": [-1]}]}, "not an array of numbers"),
        ({"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, "4"]}]}, "not a shape"),
        ({"inputs": [7]}, "list of objects"),
        ({"max_batch_size": "many"}, "are numbers"),
        ({"name": "../.."}, "cannot be a model's name"),
    ],
)
def test_wrong_parts_of_settings(more: dict[str, object], said: str, tmp_path: Path) -> None:
    settings = {"name": "m", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": "m"}, **more}
    assert said in refusal(mlserver(tmp_path, settings, {"m": "x"}), tmp_path)


def _link(folder: Path) -> None:
    (folder / "weights").symlink_to("/etc/passwd")


def _linked_folder(folder: Path) -> None:
    (folder / "more").symlink_to("/etc")


def _fifo(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def _surrogate(folder: Path) -> None:
    (folder / "a\udcff").write_text("x")


@pytest.mark.parametrize("spoil", [_link, _linked_folder, _fifo, _surrogate])
def test_folders_with_more_than_files(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    model = mlserver(tmp_path, {"name": "m", "implementation": "own.Model"}, {"own.py": "x = 1\n"})
    spoil(model)
    assert refusal(model, tmp_path)


def test_names_that_would_be_code(tmp_path: Path) -> None:
    column = '"""); import os #'
    spec = json.dumps([{"type": "double", "name": column}, {"type": "double", "name": "class"}])
    text = json.dumps({"flavors": {"python_function": {"loader_module": "x"}}, "signature": {"inputs": spec}})
    target = tmp_path / "out"
    import_project(mlflow(tmp_path, text), target)
    code = (target / "handler.py").read_text()
    compile(code, "handler.py", "exec")
    assert "field_class: list[float]" in code
    assert repr(column) in code


def test_never_over_something_else(tmp_path: Path) -> None:
    target = tmp_path / "here"
    target.mkdir()
    (target / "mine").write_text("x")
    with pytest.raises(ConflictError):
        import_project(archive(tmp_path), target)
    assert [each.name for each in target.iterdir()] == ["mine"]


def test_the_command_says_it_plainly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert main(["import", str(tmp_path / "notes.txt")]) == 1
    assert "error[invalid_package]" in capsys.readouterr().err
    assert main(["import", str(tmp_path / "nothing")]) == 1
    assert "error[not_found]" in capsys.readouterr().err
    assert main(["import", str(tmp_path)]) == 1
    assert "hint: name a TorchServe archive" in capsys.readouterr().err


def test_a_wrong_example(tmp_path: Path) -> None:
    example = tmp_path / "example.json"
    example.write_text("{")
    with pytest.raises(InvalidPackageError, match="not JSON"):
        import_project(archive(tmp_path), tmp_path / "out", Importing(example=example))
