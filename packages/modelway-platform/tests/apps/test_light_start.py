"""What starts with a platform loads no more than it uses: libraries are half of what starting takes."""

import subprocess
import sys

import pytest

SLOW = frozenset({"sqlalchemy", "alembic", "duckdb", "grpc", "yaml", "httpx", "modelway.client", "modelway.packaging"})
NEEDED = {"control": {"sqlalchemy", "duckdb", "yaml", "modelway.client", "modelway.packaging"}}


@pytest.mark.parametrize("module", ["up", "collector", "watcher", "jobs", "gateway", "control"])
def test_loads_no_library_before_it_is_needed(module: str) -> None:
    code = f"import sys, modelway_platform.apps.{module}; print(*sorted({set(SLOW)!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert set(done.stdout.split()) <= NEEDED.get(module, set())
