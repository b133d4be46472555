"""Stops code of a plugin that takes too long, such as an endless loop at import."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

SECONDS: Final = 10.0
"""How long a plugin may take to load, unless CLIENTBOOK_PLUGIN_SECONDS says otherwise."""

_AGAIN: Final = 0.5
"""Seconds after which code that swallowed the interruption is interrupted again."""


class PluginTooSlow(BaseException):
    """A plugin took too long. Not an `Exception`, so that a plugin's `except Exception` does not swallow it."""


def allowed_seconds() -> float:
    """How long a plugin may take to load."""
    try:
        seconds = float(os.environ.get("CLIENTBOOK_PLUGIN_SECONDS") or SECONDS)
    except ValueError:
        return SECONDS
    return seconds if 0 < seconds < threading.TIMEOUT_MAX else SECONDS


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise `PluginTooSlow` in the block after so many seconds.

    The main thread is interrupted by a signal, also while it sleeps or waits; any other thread at its next bytecode. Code
    in C that neither returns nor looks at signals goes on: only a process of its own could be ended.
    """
    is_main = threading.current_thread() is threading.main_thread()
    with _by_signal(seconds) if is_main and hasattr(signal, "setitimer") else _in_thread(seconds):
        yield


@contextmanager
def _by_signal(seconds: float) -> Iterator[None]:
    def stop(_signal: int, _frame: Any) -> None:
        raise PluginTooSlow

    handler = signal.signal(signal.SIGALRM, stop)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler or signal.SIG_DFL)


@contextmanager
def _in_thread(seconds: float) -> Iterator[None]:
    thread, done = threading.get_ident(), threading.Event()
    interrupt = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            interrupt(ctypes.c_ulong(thread), ctypes.py_object(PluginTooSlow))
            wait = _AGAIN

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        interrupt(ctypes.c_ulong(thread), None)  # what is still on its way must not arrive outside
