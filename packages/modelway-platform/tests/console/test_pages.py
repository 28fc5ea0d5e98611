"""The pages' own rules: nothing that turns text into markup or code, no other host, no module too long."""

import re
from pathlib import Path

import pytest

from modelway_platform.console.application import PAGES

SCRIPTS = sorted(PAGES.rglob("*.js"))
# What makes markup or code of a text, whichever page would use it.
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setTimeout\(\s*[\"'`]|DOMParser|srcdoc"
)
IMPORT = re.compile(r"""(?:from|import)\s*\(?["']([^"']+)["']""")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(PAGES)))
def test_a_module_is_short_makes_no_markup_and_imports_what_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("// "), "a line that says what the module is for"
    assert text.count("\n") <= 500
    assert not FORBIDDEN.search(text)
    for name in IMPORT.findall(text):
        assert name.startswith("."), f"{name} is not ours"
        assert (path.parent / name).is_file(), name


def test_the_page_itself_has_no_script_style_or_handler_inside() -> None:
    text = (PAGES / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|<script>|\son\w+=|\sstyle=", text)
    for name in re.findall(r'(?:src|href)="([^"#]+)"', text):
        assert name.startswith("data:image/svg+xml,") or (PAGES / name).is_file(), name
