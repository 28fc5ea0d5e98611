"""Where records come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelway_platform.insight.collect.kinds import Kind


@dataclass(frozen=True, slots=True)
class Source:
    """Where segments of a kind appear.

    Args:
        kind: Of the records.
        folder: Holds the segments, or a folder per writer that does.
        below: Where in a writer's folder they are; empty if `folder` itself holds them.
    """

    kind: Kind
    folder: Path
    below: str = ""

    def folders(self) -> Sequence[Path]:
        """Those that hold segments now. Links are none: whoever writes there does not choose what is read."""
        if not self.below:
            return (self.folder,)
        found = sorted(self.folder.glob(f"*/{self.below}"))
        return [each for each in found if each.is_dir() and not each.is_symlink() and not each.parent.is_symlink()]

    def segments(self) -> list[Path]:
        """All there are now."""
        return [path for folder in self.folders() for path in folder.glob(self.kind.segments)]

    def owns(self, folder: str) -> bool:
        """Whether segments of that folder are of this source, also when it is gone."""
        path = Path(folder)
        return path.is_relative_to(self.folder) if self.below else path == self.folder
