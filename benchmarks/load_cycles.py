"""Memory after a model was loaded, asked and unloaded again and again in one process: `make bench-load-cycles`.

Each cycle loads W3's network (2.7 MB of weights and 16 MB more), answers a batch and lets go. Growth is from the end of the
first tenth to the end of all cycles. The last line is one JSON object.
"""

import argparse
import gc
import json
import os
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from benchmarks.serving_models import FEATURES, Network
from modelway import Handler, Shape, inference
from modelway.testing import Client

MEGABYTE = 1 << 20


class Heavy(Handler):
    """Takes memory that would be noticed."""

    def load(self) -> None:
        self.network = Network()
        self.table = np.ones(2 * MEGABYTE, dtype=np.float64)

    @inference(max_batch_size=8)
    def scores(self, image: Annotated[NDArray[np.float32], Shape(None, FEATURES)]) -> NDArray[np.float32]:
        """Ten scores per image."""
        return self.network(image)

    def unload(self) -> None:
        del self.network, self.table


def resident_bytes() -> int:
    """What this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run_cycles(cycles: int) -> tuple[int, int]:
    """Resident bytes after a tenth of the cycles, and after all."""
    image = [0.5] * FEATURES
    first = 0
    for number in range(1, cycles + 1):
        with Client(Heavy) as client:
            client.call_many("scores", [{"image": image}] * 8)
        if number == max(cycles // 10, 1):
            gc.collect()
            first = resident_bytes()
    gc.collect()
    return first, resident_bytes()


def main() -> None:
    """All cycles, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=200)
    options = parser.parse_args()
    first, last = run_cycles(options.cycles)
    growth = last / first - 1
    print(f"{options.cycles} cycles: {first / MEGABYTE:.1f} MiB after a tenth, {last / MEGABYTE:.1f} at the end")
    print(json.dumps({"cycles": options.cycles, "growth": round(growth, 4), **describe_machine()}))


if __name__ == "__main__":
    main()
