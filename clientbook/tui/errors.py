"""What the application says of an error: the message of our own exceptions, of others only what and where.

A customer's data stand in the locals of a traceback and in the messages of libraries; neither is shown.
"""

from __future__ import annotations

import traceback

from clientbook.errors import ClientbookError
from clientbook.i18n import _
from clientbook.query.text import harmless


class NoTerminal(ClientbookError):
    """There is no terminal to draw on."""


class SnapshotLost(ClientbookError):
    """Another process deleted the files that the tables on the screen are read from."""

    def __init__(self) -> None:
        super().__init__(_("the files that this was read from are gone; r reads the book again"))


class CustomerGone(ClientbookError, LookupError):
    """The customer is not in the book, or not any more."""

    def __init__(self) -> None:
        super().__init__(_("this customer is not in the book any more"))


def describe(error: BaseException) -> str:
    """One line for a person; harmless, and without data unless the exception is ours."""
    error = _original(error)
    if isinstance(error, ClientbookError):
        return harmless(str(error)) or type(error).__name__
    return f"{type(error).__name__} ({_place(error)})"


def _original(error: BaseException) -> BaseException:
    """What a worker's failure is about: Textual wraps it."""
    cause = getattr(error, "error", None)
    return cause if isinstance(cause, BaseException) else error


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "?"
    return f"{frames[-1].filename}:{frames[-1].lineno}"


def crash_report(error: BaseException) -> str:
    """What a crash leaves on the terminal: the error and the files and lines on the way, no source, no locals."""
    error = _original(error)
    lines = [f"clientbook: {describe(error)}"]
    lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    return "\n".join(lines)
