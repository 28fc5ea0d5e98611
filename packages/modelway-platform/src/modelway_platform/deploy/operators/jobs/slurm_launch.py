"""Runs on a node, as the program of a replica's batch job: becomes the model server, under an address others can reach.

It stands alone: it is copied into the folder that platform and nodes share, and run by the interpreter of the package's own
environment as `python -I launch.py FOLDER`. `FOLDER/launch.json`, which only its owner may read, has the arguments
and the whole environment; so neither the script nor what Slurm shows of a job has them.
"""

import json
import os
import pwd
import socket
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ADDRESS = "@ADDRESS@"
# What Slurm tells a job, above all which devices it got; nothing else of a node's environment is passed on.
_FROM_SLURM = ("SLURM_", "SLURMD_", "CUDA_", "NVIDIA_", "ROCR_", "HIP_", "GPU_", "ZE_")
_FROM_NODE = ("HOME", "USER", "LOGNAME", "TMPDIR")


def address_toward(url: str) -> str:
    """The address of this machine on its route to `url`; no packet is sent."""
    parts = urlsplit(url)
    found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_DGRAM)
    with socket.socket(found[0][0], socket.SOCK_DGRAM) as probe:
        probe.connect(found[0][4])
        return str(probe.getsockname()[0])


def address_of_node(name: str) -> str:
    """What this node's name says, or that of its machine."""
    for each in (name, socket.gethostname()):
        try:
            return str(socket.getaddrinfo(each, None, type=socket.SOCK_STREAM)[0][4][0])
        except OSError:
            continue
    raise SystemExit(f"the name of this node, {name}, has no address: use `address: route`")


def environment_of(told: dict[str, str], here: dict[str, str]) -> dict[str, str]:
    """What was told, what a program needs of its node, and last what Slurm gave: devices are its to give."""
    found = {name: here[name] for name in _FROM_NODE if name in here}
    found.setdefault("HOME", pwd.getpwuid(os.getuid()).pw_dir)
    return {**found, **told, **{name: value for name, value in here.items() if name.startswith(_FROM_SLURM)}}


def main(folder: Path) -> None:
    """Becomes the server; returns only by an error."""
    told: dict[str, Any] = json.loads((folder / "launch.json").read_text(encoding="utf-8"))
    here = dict(os.environ)
    node = here.get("SLURMD_NODENAME", "") or socket.gethostname()
    address = address_of_node(node) if told["address"] == "node" else address_toward(told["register"])
    run = f"job {here.get('SLURM_JOB_ID', '?')}, restart {here.get('SLURM_RESTART_COUNT', '0')}"
    print(f"starts on {node} ({run}) at {address}", flush=True)  # noqa: T201 - the first line of its log
    arguments = [address if each == ADDRESS else each for each in told["arguments"]]
    os.chdir(folder)
    os.execve(arguments[0], arguments, environment_of(told["environment"], here))  # noqa: S606 - this is what it is for


if __name__ == "__main__":
    main(Path(sys.argv[1]))
