"""A guarded process changes files in its folder and nowhere else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from modelway_platform.insight.query.write_guard import guard_version

TRIES = """
import json, os, pathlib, subprocess, sys, threading
from modelway_platform.insight.query.write_guard import write_only_below
inside, outside = map(pathlib.Path, sys.argv[1:3])
assert write_only_below(inside if sys.argv[3] == "inside" else None)
found = {}
def tried(name, act):
    try:
        act()
        found[name] = "done"
    except PermissionError:
        found[name] = "refused"
def all_of_them():
    for name, place in (("inside", inside), ("outside", outside)):
        tried(f"make {name}", lambda: (place / "new").write_text("x"))
        tried(f"write {name}", lambda: (place / "old").write_text("x"))
        tried(f"truncate {name}", lambda: os.truncate(place / "old", 0))
        tried(f"remove {name}", lambda: (place / "old").unlink())
        tried(f"folder {name}", lambda: (place / "folder").mkdir())
    tried("read", lambda: (outside / "kept").read_text())
    tried("run", lambda: subprocess.run(["/bin/true"], check=True))
worker = threading.Thread(target=all_of_them)
worker.start()
worker.join()
print(json.dumps(found))
"""


@pytest.mark.skipif(guard_version() < 1, reason="this kernel has no Landlock")
@pytest.mark.parametrize("where", ["inside", "nowhere"])
def test_files_are_changed_below_the_folder_only(tmp_path: Path, where: str) -> None:
    for name in ("inside", "outside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old").write_text("old")
    (tmp_path / "outside" / "kept").write_text("kept")
    said = subprocess.run(
        [sys.executable, "-c", TRIES, str(tmp_path / "inside"), str(tmp_path / "outside"), where],
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    found = json.loads(said.stdout)
    acts = ("make", "write", "truncate", "remove", "folder")
    inside = "done" if where == "inside" else "refused"
    assert {each: found[f"{each} inside"] for each in acts} == dict.fromkeys(acts, inside)
    assert {each: found[f"{each} outside"] for each in acts} == dict.fromkeys(acts, "refused") | (
        {} if guard_version() >= 3 else {"truncate": found["truncate outside"]}
    )
    assert found["read"] == "done"
    assert found["run"] == "refused"
    assert (tmp_path / "outside" / "old").read_text() == "old"
