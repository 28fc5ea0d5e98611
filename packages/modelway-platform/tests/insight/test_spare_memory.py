"""What is free is given back: a process that needed much once does not keep it."""

import subprocess
import sys

PROGRAM = """
import sys
from pathlib import Path
from modelway_platform.insight.spare_memory import give_back

def octets():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

kept = []
taken = [bytes(2000) for _ in range(100_000)]
for number in range(0, len(taken), 500):
    kept.append(taken[number])  # so that the heap cannot shrink from its end
last = bytes(2000)
full = octets()
del taken
before = octets()
give_back()
print(full, before, octets())
"""


def test_it_is_given_back() -> None:
    environment = {"PYTHONMALLOC": "malloc", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    full, _, after = map(int, done.stdout.split())
    assert full > 200_000_000
    assert after < full / 3
