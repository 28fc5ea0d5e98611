import os
import shutil
import stat
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelway.errors import ConflictError, HandlerError, InvalidPackageError, ModelwayError
from modelway.packaging import build, extract, import_handler, open_package, read_manifest, verify
from modelway.packaging.manifest import parse_manifest

pytestmark = pytest.mark.usefixtures("wheelhouse")


def test_package_from_end_to_end(project: Path, tmp_path: Path) -> None:
    steps: list[str] = []

    def progress(step: str, /, *, done: int = 0, total: int = 0) -> None:
        assert done <= total
        steps.append(step)

    built = build(project, tmp_path / "out", progress)
    assert built.path == tmp_path / "out" / "greeter-model-1.0.mwpkg"
    assert list(dict.fromkeys(steps)) == [
        "read the project",
        "lock the environment",
        "collect files",
        "answer the golden examples",
        "write the archive",
    ]
    assert read_manifest(built.path) == built.manifest
    assert verify(built.path) == (built.manifest, built.digest)

    manifest = extract(built.path, tmp_path / "unpacked" / "it", digest=built.digest)
    package = open_package(tmp_path / "unpacked" / "it")
    assert package.manifest == manifest == built.manifest
    assert (manifest.name, manifest.version, manifest.handler) == ("greeter-model", "1.0", "handler:Greeter")
    assert [entry.path for entry in manifest.files] == [
        "code/handler.py",
        "code/words.py",
        "environment/requirements.lock",
        "files/greetings.json",
    ]
    assert (package.files / "greetings.json").read_text() == '{"en": "Hello"}'
    assert b"tinylib==1.5" in package.lock.read_bytes()
    assert manifest.signature["endpoints"][0]["name"] == "greet"
    assert os.listdir(tmp_path / "out") == ["greeter-model-1.0.mwpkg"]  # noqa: PTH208 - hidden leftovers count


def test_same_inputs_same_bytes_elsewhere_and_later(project: Path, tmp_path: Path) -> None:
    first = build(project, tmp_path / "one")
    elsewhere = tmp_path / "a" / "quite" / "different" / "place"
    shutil.copytree(project, elsewhere)
    for path in elsewhere.rglob("*"):
        os.utime(path, (time.time() + 5000, time.time() - 5000))
        path.chmod(0o700)
    (elsewhere / "__pycache__").mkdir(exist_ok=True)
    (elsewhere / "__pycache__" / "handler.cpython-311.pyc").write_bytes(b"x")
    before = os.umask(0o077)
    try:
        second = build(elsewhere, tmp_path / "two")
    finally:
        os.umask(before)
    assert first.digest == second.digest
    assert first.path.read_bytes() == second.path.read_bytes()
    assert str(tmp_path).encode() not in first.path.read_bytes()


@pytest.mark.parametrize("change", ["code", "file", "version", "example"])
def test_any_other_input_another_digest(change: str, project: Path, tmp_path: Path) -> None:
    first = build(project, tmp_path / "one").digest
    match change:
        case "code":
            (project / "words.py").write_text('ENDING = "!"  # other\n')
        case "file":
            (project / "greetings.json").write_text('{"en": "Hello", "de": "Hallo"}')
        case "version":
            text = (project / "pyproject.toml").read_text()
            (project / "pyproject.toml").write_text(text.replace('"1.0"', '"1.1"'))
        case _:
            (project / "examples.json").write_text('[{"endpoint": "greet", "request": {"name": "Bob"}}]')
    assert build(project, tmp_path / "two").digest != first


def test_any_tar_can_read_it(project: Path, tmp_path: Path) -> None:
    built = build(project, tmp_path)
    with tarfile.open(built.path) as archive:
        assert archive.getnames() == ["manifest.json", *(entry.path for entry in built.manifest.files)]
        assert all(member.isreg() and member.mtime == 0 and member.uid == 0 for member in archive)
    if shutil.which("tar"):
        done = subprocess.run(["tar", "tf", str(built.path)], capture_output=True, text=True, check=True)
        assert "code/handler.py" in done.stdout
        assert done.stderr == ""


def examples(project: Path, *items: dict[str, Any]) -> None:
    (project / "examples.json").write_bytes(msgspec.json.encode(items))


def refusal(project: Path, **options: Any) -> str:
    with pytest.raises(InvalidPackageError) as refused:
        build(project, project / "dist", **options)
    dist = project / "dist"
    assert not dist.exists() or os.listdir(dist) == []  # noqa: PTH208 - hidden leftovers count
    return refused.value.message


def test_refused_when_the_answer_is_another(project: Path) -> None:
    examples(
        project,
        {"endpoint": "greet", "request": {"name": "Ada"}, "response": "Hello, Ada!"},
        {"endpoint": "greet", "request": {"name": "Bob"}, "response": "Hi, Bob!"},
    )
    message = refusal(project)
    assert "1 of 2 golden examples" in message
    assert 'golden example 2 (greet): $: expected "Hi, Bob!", got "Hello, Bob!"' in message


@pytest.mark.parametrize(
    ("example", "says"),
    [
        ({"endpoint": "absent", "request": {"name": "Ada"}}, "got error[endpoint_not_found]"),
        ({"endpoint": "greet", "request": {"nam": "Ada"}}, "got error[invalid_input]"),
        ({"endpoint": "greet", "request": {"name": "Ada", "language": "xx"}}, "got error[handler_failed]"),
    ],
)
def test_refused_when_it_answers_with_an_error(example: dict[str, Any], says: str, project: Path) -> None:
    examples(project, example)
    assert says in refusal(project)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import not_installed_anywhere", "cannot import handler: ModuleNotFoundError"),
        ("this is no Python", "cannot import handler: SyntaxError"),
        ("raise SystemExit(3)", "died while loading"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "died while loading"),
        ("print('last words'); import os; os._exit(0)", "died while loading"),
        ("Greeter = 3", "no class Greeter"),
        ("class Greeter: pass", "Greeter"),
        (
            (
                "from modelway import Handler, inference\nclass Greeter(Handler):\n"
                "  @inference\n  def greet(self, name: str) -> str: return name\n"
                "  def load(self): raise ValueError('no weights')"
            ),
            "no weights",
        ),
    ],
)
def test_refused_when_the_handler_cannot_be_used(code: str, says: str, project: Path) -> None:
    (project / "handler.py").write_text(code + "\n")
    assert says in refusal(project)


def test_refused_when_a_file_was_left_out(project: Path) -> None:
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace('files = ["greetings.json"]', ""))
    assert "greetings.json" in refusal(project)


def test_refused_when_it_hangs_and_nothing_stays_behind(project: Path, tmp_path: Path) -> None:
    code = (
        "import subprocess, time\nfrom modelway import Handler, inference\n"
        "class Greeter(Handler):\n"
        "  @inference\n  def greet(self, name: str) -> str: return name\n"
        "  def load(self):\n"
        f"    child = subprocess.Popen(['sleep', '600'])\n    open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
        "    time.sleep(600)\n"
    )
    (project / "handler.py").write_text(code)
    start = time.monotonic()
    assert "after 2 s" in refusal(project, timeout_seconds=2.0)
    assert time.monotonic() - start < 10
    status = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    deadline = time.monotonic() + 5
    while status.exists() and status.read_text().split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_a_handler_prints_is_shown_and_does_no_harm(project: Path) -> None:
    (project / "handler.py").write_text(
        "print('loading the big one')\nimport os; os.write(1, b'x' * 100000); os._exit(1)\n"
    )
    assert "it printed:" in refusal(project)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('handler = "handler:Greeter"', "", "[tool.modelway] handler: is missing"),
        ('handler = "handler:Greeter"', 'handler = "handler.py"', "handler: 'handler.py' is not valid"),
        ('handler = "handler:Greeter"', 'handler = "other:Greeter"', "other.py is not among the project's code"),
        ('files = ["greetings.json"]', 'files = ["*.onnx"]', "'*.onnx' matches no file"),
        ('files = ["greetings.json"]', 'files = "greetings.json"', "files: must be a list"),
        ('files = ["greetings.json"]', 'file = ["greetings.json"]', "file: is not a setting"),
        ('version = "1.0"', "", "[project] version: is missing"),
        ('version = "1.0"', 'version = "1/0"', "version: '1/0' is not valid"),
        ('name = "Greeter.Model"', 'name = "modèle"', "name: 'modèle' is not a model's name"),
        ("[tool.modelway]", "[tool.other]", "no [tool.modelway] table"),
        ("[project]", "[project", "pyproject.toml: "),
        ('dependencies = ["tinylib>=1"]', 'dependencies = ["absentlib"]', "absentlib"),
        (
            'files = ["greetings.json"]',
            'files = ["greetings.json"]\nframework = "torch"',
            "'torch' is not among the locked",
        ),
        (
            'files = ["greetings.json"]',
            'files = ["greetings.json"]\nbase = "registry.example/cuda:12"',
            "base: 'registry.example/cuda:12' is not the name of a base",
        ),
    ],
)
def test_settings_that_cannot_be(old: str, new: str, says: str, project: Path) -> None:
    text = (project / "pyproject.toml").read_text()
    assert old in text
    (project / "pyproject.toml").write_text(text.replace(old, new))
    assert says in refusal(project)


def test_a_base_that_the_project_names_is_in_the_manifest_and_nothing_where_it_names_none(
    project: Path, tmp_path: Path
) -> None:
    assert b'"base"' not in build(project, tmp_path / "none").manifest.to_bytes()
    file = project / "pyproject.toml"
    file.write_text(file.read_text().replace("[tool.modelway]", '[tool.modelway]\nbase = "pytorch-gpu"'))
    built = build(project, tmp_path / "one")
    assert read_manifest(built.path).base == "pytorch-gpu"
    wrong = built.manifest.to_bytes().replace(b"pytorch-gpu", b"../evil")
    with pytest.raises(InvalidPackageError, match="base"):
        parse_manifest(wrong)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "is empty"),
        ("{}", "array"),
        ('[{"endpoint": "greet"}]', "request"),
        ('[{"endpoint": "greet", "request": {}, "respons": 1}]', "respons"),
        ("[" * 5000, "examples.json"),
    ],
)
def test_examples_that_cannot_be(text: str, says: str, project: Path) -> None:
    (project / "examples.json").write_text(text)
    assert says in refusal(project)


def test_files_that_cannot_go_in(project: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("x = 1\n")
    (project / "link.py").symlink_to(tmp_path / "secret.py")
    assert "a link to something outside" in refusal(project)
    (project / "link.py").unlink()
    (project / "modelway.py").write_text("")
    assert "would hide the modelway package" in refusal(project)
    (project / "modelway.py").unlink()
    (project / "Words.py").write_text("")
    assert "the same place as" in refusal(project)


def test_leavings_of_tools_stay_out(project: Path, tmp_path: Path) -> None:
    for name in ("__pycache__/a.py", ".venv/b.py", ".git/c.py", "tests/d.py", "test_e.py", "build/f.py", "venv/g.py"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("raise SystemExit\n")
    (project / "lib" / "deep").mkdir(parents=True)
    (project / "lib" / "deep" / "taken.py").write_text("")
    paths = [entry.path for entry in build(project, tmp_path / "out").manifest.files if entry.role == "code"]
    assert paths == ["code/handler.py", "code/lib/deep/taken.py", "code/words.py"]


def test_globs_choose_and_exclude(project: Path, tmp_path: Path) -> None:
    for name in ("weights/a.bin", "weights/deep/b.bin", "weights/c.tmp", "build/named.bin"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(name)
    text = (project / "pyproject.toml").read_text()
    globs = 'files = ["greetings.json", "weights", "build/named.bin"]\nexclude = ["**/*.tmp"]'
    (project / "pyproject.toml").write_text(text.replace('files = ["greetings.json"]', globs))
    paths = [entry.path for entry in build(project, tmp_path / "out").manifest.files if entry.role == "data"]
    assert paths == ["files/build/named.bin", "files/greetings.json", "files/weights/a.bin", "files/weights/deep/b.bin"]


def test_a_failed_build_leaves_the_old_package(project: Path, tmp_path: Path) -> None:
    first = build(project, tmp_path / "out")
    (project / "words.py").write_text('ENDING = "?"\n')
    with pytest.raises(InvalidPackageError, match="golden"):
        build(project, tmp_path / "out")
    assert verify(first.path)[1] == first.digest


def test_unpacked_modes_and_no_second_time(project: Path, tmp_path: Path) -> None:
    built = build(project, tmp_path / "out")
    place = tmp_path / "place"
    extract(built.path, place)
    assert stat.S_IMODE(place.stat().st_mode) & 0o700 == 0o700
    assert all(not path.stat().st_mode & 0o111 for path in place.rglob("*") if path.is_file())
    with pytest.raises(ConflictError, match="exists"):
        extract(built.path, place)
    with pytest.raises(InvalidPackageError, match="wanted sha256:00"):
        extract(built.path, tmp_path / "other", digest="sha256:00")
    assert not (tmp_path / "other").exists()


def test_opening_notices_missing_and_cut_files(project: Path, tmp_path: Path) -> None:
    built = build(project, tmp_path / "out")
    place = tmp_path / "place"
    extract(built.path, place)
    (place / "files" / "greetings.json").write_text("{}")
    with pytest.raises(InvalidPackageError, match=r"files/greetings\.json"):
        open_package(place)
    with pytest.raises(ModelwayError, match="not an unpacked package"):
        open_package(tmp_path)


def test_importing_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "needs_something.py").write_text("import surely_absent\n")
    with pytest.raises(HandlerError, match="surely_absent") as failed:
        import_handler(tmp_path, "needs_something:X")
    assert "surely_absent" in failed.value.hint
    assert isinstance(failed.value.__cause__, ModuleNotFoundError)


def test_a_place_that_cannot_be_written_is_an_error_with_a_hint(
    project: Path, tmp_path: Path, snapshot: Callable[[Path], dict[str, str]]
) -> None:
    built = build(project, tmp_path / "out")
    locked = tmp_path / "locked"
    locked.mkdir()
    if os.geteuid() == 0:
        place = Path("/proc/self/place")  # where even root cannot make a folder
    else:
        locked.chmod(0o500)
        place = locked / "place"
    before = snapshot(tmp_path)
    with pytest.raises(ModelwayError, match=r"cannot unpack|unpacking needs"):
        extract(built.path, place)
    assert snapshot(tmp_path) == before
