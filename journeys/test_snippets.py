"""The documentation does what it says: every page's blocks are run in order, against the real thing."""

import shutil
from pathlib import Path

import pytest
from journeys.snippets import Session, blocks, matches

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]
ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WITH_BLOCKS = [page for page in PAGES if any(block.mode != "skip" for block in blocks(page.read_text("utf-8")))]


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    if "curl " in page.read_text("utf-8") and not shutil.which("curl"):
        pytest.skip("curl is not installed")
    assert Session(tmp_path, variables={"MODELWAY_REPOSITORY": str(ROOT)}).run(page) > 0


def test_the_dots_stand_for_anything_and_spaces_are_not_counted() -> None:
    assert matches(["NAME  AGE", "a  …", "…", "end"], "NAME    AGE\na   3s\nmore\nand more\nend\n")
    assert not matches(["NAME  AGE"], "NAME  AGE\nmore\n")
    assert not matches(["ready at …"], "getting ready at 1\n")
