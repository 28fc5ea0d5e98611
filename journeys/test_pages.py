"""What the pages say is complete and current: codes, verbs, module map, picture, links, site."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelway.cli.main import VERBS, plugin_verbs
from modelway.errors import STATUS_BY_CODE

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
BIN = Path(sys.executable).parent
_LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")


def test_every_error_code_has_a_heading_with_its_status() -> None:
    headings = dict(re.findall(r"^### `(\w+)` \((\d+)\)$", (DOCS / "errors.md").read_text("utf-8"), re.MULTILINE))
    assert headings == {code: str(status.http) for code, status in STATUS_BY_CODE.items()}


def test_every_verb_has_a_heading() -> None:
    headings = re.findall(r"^### `modelway (\w+)`$", (DOCS / "cli.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted({*VERBS, *plugin_verbs()})


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="each Python lays help out in its own way")
def test_the_command_lines_reference_is_what_the_commands_say() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/cli_reference.py"], capture_output=True, check=True)
    assert done.stdout.decode() == (DOCS / "cli.md").read_text("utf-8"), "run scripts/cli_reference.py --write"


def test_the_control_apis_reference_is_what_its_schema_says() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/control_api_reference.py"], capture_output=True, check=True)
    assert done.stdout.decode() == (DOCS / "control-api.md").read_text("utf-8"), "run scripts/generate_control_api.py"


def test_the_module_map_is_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/architecture.py", "--check"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def test_the_picture_is_what_its_script_draws() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/picture.py"], capture_output=True, check=True)
    assert done.stdout == (DOCS / "assets/system.svg").read_bytes()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, _ in _LINK.findall(page.read_text("utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_every_decision_is_listed() -> None:
    listed = (DOCS / "decisions/README.md").read_text("utf-8")
    missing = [page.name for page in sorted(DOCS.glob("decisions/0*.md")) if f"({page.name})" not in listed]
    assert not missing


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    shutil.copytree(DOCS, tmp_path / "docs")
    done = subprocess.run(
        [BIN / "zensical", "build", "--strict"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site/getting-started/index.html").exists()
