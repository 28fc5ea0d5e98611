"""The helper process of a gateway worker: compares answers, one pair after the other, until the worker is gone.

Custom comparators are entry points in the group `modelway.comparators`: installed with the platform by whoever runs it, never
part of a package. They run here and nowhere else.
"""

import logging
import os
import resource
import signal
import socket
import sys
from importlib.metadata import entry_points

import msgspec

from modelway_platform.domain.agreement.compare_answers import Agreement, CustomComparator, compare_answers
from modelway_platform.domain.routing.mirroring.mirrors import COMPARATOR_GROUP
from modelway_platform.gateway.proxy.mirroring.comparison_helper import Compared, Comparing

LONGEST_SECONDS = 5
MAX_MEMORY = 4 * 1024**3
log = logging.getLogger(__name__)


def main() -> None:
    """Serve the socket whose number is the argument."""
    os.nice(19)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    for number in (signal.SIGINT, signal.SIGTERM):  # a terminal's Ctrl-C is for the worker, whose end is ours
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as worker:
        serve(worker)


def serve(worker: socket.socket) -> None:
    """Until the other end is closed."""
    comparators: dict[str, CustomComparator | None] = {}
    decode = msgspec.msgpack.Decoder(Comparing).decode
    with worker.makefile("rb") as stream:
        while len(head := stream.read(4)) == 4:
            asked = decode(stream.read(int.from_bytes(head, "big")))
            # Not caught: the process ends, whatever it is stuck in.
            signal.alarm(LONGEST_SECONDS)
            agreement = _compare(asked, comparators)
            signal.alarm(0)
            answer = msgspec.msgpack.encode(Compared(asked.number, agreement))
            worker.sendall(len(answer).to_bytes(4, "big") + answer)


def _compare(asked: Comparing, comparators: dict[str, CustomComparator | None]) -> Agreement:
    comparator = asked.comparator
    try:
        custom = _custom(comparator.name, comparators) if comparator.kind == "custom" else None
        return compare_answers(comparator, asked.primary, asked.mirror, custom)
    except Exception as error:  # a comparator's bug must not cost the others their turn
        log.exception("comparator %s failed", comparator.name or comparator.kind)
        return Agreement(
            agree=None, why=f"comparator {comparator.name or comparator.kind} raised {type(error).__name__}"
        )


def _custom(name: str, comparators: dict[str, CustomComparator | None]) -> CustomComparator | None:
    if name not in comparators:
        found = next(iter(entry_points(group=COMPARATOR_GROUP, name=name)), None)
        comparators[name] = None if found is None else found.load()
    return comparators[name]


if __name__ == "__main__":
    main()
