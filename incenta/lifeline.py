"""Processes that end with whoever started them, however that one ended: no orphan holds a port or a connection."""

import ctypes
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with(parent: int, by: signal.Signals = signal.SIGTERM) -> None:
    """Has the kernel send this process ``by`` when the process ``parent``, which must be its parent, is gone.

    Fit to be called between fork and exec. Linux only; elsewhere a supervisor that is killed leaves its children behind.
    """
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, by, 0, 0, 0)
        if os.getppid() != parent:  # it went before the kernel was asked
            os.kill(os.getpid(), by)


def watch_parent(seconds: float = 1.0) -> None:
    """Ends this process within ``seconds`` of its parent's end.

    For children that a server's own main process makes: the kernel's signal is bound to the *thread* that forked, which
    may end before its process does.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(seconds)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def is_supervised() -> bool:
    """Whether ``manage.py up`` is at the top of this process's family."""
    return "INCENTA_SUPERVISED" in os.environ
