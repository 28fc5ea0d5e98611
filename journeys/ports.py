"""Ports for the servers of tests, apart from those that the system gives to connections."""

import random
import socket
from contextlib import suppress

# Below Linux' own range for connections (32768 to 60999): one of that may be taken between being found free and being used.
_PORTS = range(15_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now, all different."""
    probes: list[socket.socket] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with suppress(OSError):
            probes.append(socket.create_server(("127.0.0.1", port)))
        if len(probes) == count:
            break
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
