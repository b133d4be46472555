"""What every error meant for people is: its message says what was found, where, and what to do."""

from __future__ import annotations


class ClientbookError(Exception):
    """An error that the command line shows as its message, without a traceback. It never quotes personal data."""

    exit_code = 1


class WrongUse(ClientbookError):
    """The command, a filter or an option says something that cannot be done."""

    exit_code = 2


class Interrupted(ClientbookError):
    """Somebody stopped the work: no fault of who did it."""
