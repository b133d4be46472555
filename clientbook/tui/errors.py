"""What the application says of an error: the message of our own exceptions, of others only what and where.

A customer's data stand in the locals of a traceback and in the messages of libraries; neither is shown.
"""

from __future__ import annotations

import traceback

from clientbook.query.text import harmless


class NoTerminal(Exception):
    """There is no terminal to draw on."""


def describe(error: BaseException) -> str:
    """One line for a person; harmless, and without data unless the exception is ours."""
    cause = getattr(error, "error", None)
    if isinstance(cause, BaseException):
        error = cause
    if type(error).__module__.split(".")[0] == "clientbook":
        return harmless(str(error)) or type(error).__name__
    return f"{type(error).__name__} ({place(error)})"


def place(error: BaseException) -> str:
    """The file and line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "?"
    return f"{frames[-1].filename}:{frames[-1].lineno}"


def crash_report(error: BaseException) -> str:
    """What a crash leaves on the terminal: the error and the files and lines on the way, no source, no locals."""
    cause = getattr(error, "error", None)
    if isinstance(cause, BaseException):
        error = cause
    lines = [f"clientbook: {describe(error)}"]
    lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    return "\n".join(lines)
