"""A receiver's secret: read when it is needed, so that it may be replaced, and shown to nobody else."""

import os
from dataclasses import dataclass
from pathlib import Path

from modelway_platform.insight.outputs.faults.here import reason
from modelway_platform.insight.outputs.receiver import AwayError

_LONGEST_SECRET = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Where a secret is kept: in a file, or in a variable of the process's environment.

    Args:
        file: Its path; empty for none. Read each time, so that it may be replaced.
        variable: Its name; empty for none.
    """

    file: str = ""
    variable: str = ""

    def read(self) -> str:
        """The secret; empty if there is to be none.

        Raises:
            AwayError: There should be one, but it cannot be read.
        """
        if self.file:
            try:
                with Path(self.file).open(encoding="utf-8") as file:
                    return file.read(_LONGEST_SECRET).strip()
            except (OSError, UnicodeDecodeError) as error:
                raise AwayError(
                    f"secret_file cannot be read: {self.file}: {reason(error)}; correct the path in outputs.toml, or the file's permissions"
                ) from None
        if self.variable:
            found = os.environ.get(self.variable, "")
            if not found:
                raise AwayError(
                    f"secret_variable: {self.variable} is not set; set it in the environment of modelway up and start that again"
                )
            return found
        return ""
