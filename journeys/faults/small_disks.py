"""Small file systems in memory, to be filled: below a platform's directory, one for each thing it writes."""

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

MEGABYTE = 1 << 20
FILLER = "filler"


class CannotMountError(Exception):
    """This machine, or this user, may not mount."""


def fill(folder: Path) -> None:
    """Leave no byte free."""
    with (folder / FILLER).open("wb", buffering=0) as file:
        for size in (MEGABYTE, 4096, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


def free(folder: Path) -> None:
    """Give the space back."""
    (folder / FILLER).unlink()


@contextmanager
def mounted(home: Path, elsewhere: Path, sizes: dict[str, int], roomy: tuple[str, ...]) -> Generator[None]:
    """`home` and the folders named in `sizes` are file systems of so many megabytes, those in `roomy` lie `elsewhere`.

    Raises:
        CannotMountError: Not allowed here; nothing is left behind.
    """
    done: list[Path] = []
    try:
        for name, megabytes in sizes.items():
            folder = home / name
            folder.mkdir(parents=True, exist_ok=True)
            _mount("-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(folder))
            done.append(folder)
        for name in roomy:
            (elsewhere / name).mkdir(parents=True, mode=0o700)
            (home / name).mkdir(mode=0o700)
            _mount("--bind", str(elsewhere / name), str(home / name))
            done.append(home / name)
        yield
    finally:
        for folder in reversed(done):
            subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


def _mount(*arguments: str) -> None:
    try:
        subprocess.run(["mount", *arguments], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotMountError(str(getattr(error, "stderr", "") or error)) from error
