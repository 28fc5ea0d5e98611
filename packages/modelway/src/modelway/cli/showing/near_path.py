"""A path as a person would type it."""

import os
from pathlib import Path


def near_path(path: Path) -> str:
    """Relative when that is shorter."""
    relative = os.path.relpath(path)
    return min(relative, str(path), key=len)
