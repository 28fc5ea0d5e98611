"""A model process ends with the process that started it, however that one ended."""

import ctypes
import os
import signal
import socket
import sys
import threading

EXIT_ORPHANED = 4
_PR_SET_PDEATHSIG = 1


def end_with_parent(lifeline: socket.socket, parent: int) -> None:
    """From now on this process ends when the other end of `lifeline` is closed.

    On Linux the kernel kills it, even while a model holds the interpreter; elsewhere a thread does when it gets a turn.

    Args:
        lifeline: Nothing ever comes through it.
        parent: Process id of who started us.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was gone before we had asked
            os._exit(EXIT_ORPHANED)
    threading.Thread(target=_watch, args=(lifeline,), name="lifeline", daemon=True).start()


def _watch(lifeline: socket.socket) -> None:
    while lifeline.recv(1):
        continue
    os._exit(EXIT_ORPHANED)
