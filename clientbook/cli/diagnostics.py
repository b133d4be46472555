"""What is said on stderr, and the exit code: 0 done, 1 failed, 2 wrong usage, 3 fault found, 4 a decision is needed."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import click

from clientbook.errors import ClientbookError
from clientbook.i18n import _
from clientbook.query.text import harmless


class DecisionNeeded(ClientbookError):
    """The command cannot go on alone; the message says which option or file decides."""

    exit_code = 4


def say(text: str) -> None:
    """Tell what is going on."""
    click.echo(harmless(text), err=True)


def warn(text: str) -> None:
    """Tell what the reader should look at."""
    click.secho(harmless(text), err=True, fg="yellow")


def guard(main: Callable[[], object]) -> int:
    """Run the program and turn what it raises into a message and an exit code.

    Nothing of an unforeseen error's text is shown, since it may quote a customer: only its kind and where it happened.
    """
    if sys.stdout is None:  # it was closed before we began
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # stays open to the end
    stdout = sys.stdout
    try:
        code = main()
        sys.stdout.flush()
    except ClientbookError as error:
        click.secho(harmless(f"clientbook: {error}"), err=True, fg="red")
        return error.exit_code
    except click.Abort:
        say(_("stopped"))
        return 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        return _stop_writing()
    except SystemExit:
        if sys.stdout is stdout:
            raise
        return _stop_writing()  # click met the broken pipe first, and put its own stdout in place
    except OSError as error:
        click.secho(harmless(f"clientbook: {_told(error)}"), err=True, fg="red")
        return 1
    except Exception as error:  # the last guard: anything below is a mistake of ours
        _report(error)
        return 1
    return code if isinstance(code, int) else 0


def _told(error: OSError) -> str:
    """What the system refused, and what to do where that is known."""
    said = error.strerror or type(error).__name__
    where = f"{said}: {error.filename}" if error.filename else said
    text = "{error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        text = _("the disk is full ({error}). What was in the book before is safe; free some space, then do it again")
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        text = _("this may not be written or read here ({error}): see whose it is, or copy it to another place")
    return text.format(error=where)


def _stop_writing() -> int:
    """The reader of our output has gone, as `| head` does; Python must not complain while it closes stdout."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def _report(error: Exception) -> None:
    if os.environ.get("CLIENTBOOK_DEBUG") == "1":
        traceback.print_exception(error)
        return
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    ours = next((frame for frame in reversed(frames) if "clientbook" in frame.filename), None)
    if ours:
        place += f", {Path(ours.filename).name}:{ours.lineno}"
    click.secho(f"clientbook: {_('unexpected error')}: {type(error).__name__} ({place})", err=True, fg="red")
    say(_("The details are left out because they may quote a customer; CLIENTBOOK_DEBUG=1 shows them."))
