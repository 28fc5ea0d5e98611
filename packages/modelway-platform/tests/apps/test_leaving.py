"""A process that leaves at once has said everything before."""

import subprocess
import sys
from pathlib import Path

CODE = """
import logging.handlers, sys, threading, time
from modelway_platform.apps.leaving import leave
target = logging.FileHandler(sys.argv[1])
logging.getLogger().addHandler(logging.handlers.MemoryHandler(100, target=target))
logging.getLogger().warning("logged last")
threading.Thread(target=time.sleep, args=(600,)).start()  # would keep a process that ends as usual
sys.stdout.write("printed last")
leave(3)
"""


def test_what_was_printed_and_logged_is_there_and_no_thread_is_waited_for(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CODE, str(tmp_path / "log")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (3, "printed last")
    assert (tmp_path / "log").read_text() == "logged last\n"
