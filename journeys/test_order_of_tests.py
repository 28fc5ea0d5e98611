"""`make test` begins with what takes longest, and loses nothing of what there is to run."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scripts import order_of_tests

pytestmark = pytest.mark.journey
PAGES = "journeys/test_snippets.py"


def test_a_file_stays_together_unless_its_tests_share_nothing() -> None:
    assert order_of_tests.unit_of("journeys/test_a.py::test_b[x::y]") == "journeys/test_a.py"
    assert order_of_tests.unit_of(f"{PAGES}::test_page[docs/a.md]") == f"{PAGES}::test_page[docs/a.md]"


def test_what_is_known_counts_more_than_how_many_tests_there_are() -> None:
    assert order_of_tests.longest({"many": 90, "long": 1, "few": 2}, {"long": 60}) == "long"
    assert order_of_tests.longest({"many": 90, "few": 2}, {"gone": 60}) == "many"


@pytest.mark.parametrize("text", ["", "[1]", '{"a": "b"}', '{"a": null}', "{"])
def test_a_file_that_is_not_whole_orders_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "seconds.json").write_text(text)
    assert order_of_tests.read_seconds(tmp_path / "seconds.json") == {}
    assert order_of_tests.read_seconds(tmp_path / "none.json") == {}


def test_the_longest_is_begun_first_and_all_are_run(tmp_path: Path) -> None:
    (tmp_path / "journeys").mkdir()
    (tmp_path / "scripts").mkdir()
    shutil.copy(str(order_of_tests.__file__), tmp_path / "scripts")
    (tmp_path / PAGES).write_text(
        "import pytest\n\n\n@pytest.mark.parametrize('page', 'abc')\ndef test_page(page):\n    pass\n"
    )
    for name in "de":
        (tmp_path / f"journeys/test_{name}.py").write_text("def test_one():\n    pass\n\n\ndef test_two():\n    pass\n")
    known = {f"{PAGES}::test_page[b]": 9, "journeys/test_e.py": 8}
    (tmp_path / "scripts/seconds_of_tests.json").write_text(json.dumps(known))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "-p",
        "scripts.order_of_tests",
        "-p",
        "no:cacheprovider",
        "-n",
        "1",
    ]
    done = subprocess.run(
        [*command, "journeys"], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ran = [line.split("PASSED ")[1].strip() for line in done.stdout.splitlines() if "PASSED" in line]
    assert ran[:3] == [f"{PAGES}::test_page[b]", "journeys/test_e.py::test_one", "journeys/test_e.py::test_two"]
    assert len(set(ran)) == len(ran) == 7
    assert set(json.loads((tmp_path / order_of_tests.KEPT).read_text())) == {
        *(f"{PAGES}::test_page[{page}]" for page in "abc"), "journeys/test_d.py", "journeys/test_e.py",
    }  # fmt: skip
