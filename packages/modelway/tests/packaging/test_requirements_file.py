"""Requirements in a file: pip's form without its options, and the same lock as if they stood in pyproject.toml."""

from pathlib import Path

import pytest

from modelway.errors import InvalidPackageError
from modelway.packaging import build
from modelway.packaging.lock import lock_inputs
from modelway.packaging.project import read_project
from modelway.packaging.requirements_file import read_requirements

TEXT = """\
# what the handler imports
numpy>=2  # arrays
six == 1.17.0 \\
    --hash=sha256:aaaa \\
    --hash=sha256:bbbb
-r more/others.txt

torch ; sys_platform == "linux"
"""


def test_requirements_are_read_without_remarks_hashes_and_twins(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "requirements.txt").write_text(TEXT)
    (tmp_path / "more" / "others.txt").write_text("numpy>=2\nattrs\n-r ../requirements.txt\n")
    found = read_requirements(tmp_path, "requirements.txt")
    assert found == ("numpy>=2", "six == 1.17.0", 'torch ; sys_platform == "linux"', "attrs")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("six\n--index-url https://me:secret@index.example/simple\n", "requirements.txt:2: the option --index-url"),
        ("-e .\n", ":1: the option -e"),
        ("-r ../outside.txt\n", "outside the project"),
        ("-r missing.txt\n", "missing.txt: no such file"),
    ],
)
def test_what_an_installer_would_do_beside_is_refused(tmp_path: Path, text: str, told: str) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "outside.txt").write_text("six\n")
    (folder / "requirements.txt").write_text(text)
    with pytest.raises(InvalidPackageError) as caught:
        read_requirements(folder, "requirements.txt")
    assert told in caught.value.message
    assert "secret" not in caught.value.message


@pytest.mark.usefixtures("wheelhouse")
def test_a_file_gives_the_package_that_pyproject_gives(project: Path, tmp_path: Path) -> None:
    before = build(project, tmp_path / "one")
    inputs = lock_inputs(read_project(project))
    file = project / "pyproject.toml"
    text = file.read_text().replace('dependencies = ["tinylib>=1"]', "")
    file.write_text(text.replace("[tool.modelway]", '[tool.modelway]\nrequirements = "requirements.txt"'))
    (project / "requirements.txt").write_text("tinylib>=1  # words\n")
    assert lock_inputs(read_project(project)) == inputs
    assert build(project, tmp_path / "two").digest == before.digest
    (project / "requirements.txt").unlink()
    with pytest.raises(InvalidPackageError, match="no such file"):
        read_project(project)
