"""Loads one plugin in a process of its own, which can be ended whatever the plugin does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from clientbook.hooks.discovery import Found
from clientbook.hooks.remembering import Remembered
from clientbook.hooks.watchdog import allowed_seconds
from clientbook.i18n import _

STARTING: float = 20.0
"""Seconds that the process itself may take to start, on a slow disk."""


def probe(found: Found, entries: Mapping[str, Any]) -> Remembered:
    """How a plugin fares, with everything that it declares asked for. `entries` is `[plugins]` of `book.toml`."""
    given = json.dumps({found.name: entries[found.name]} if found.name in entries else {}, default=str)
    environment = os.environ | {"CLIENTBOOK_PLUGINS": found.name, "CLIENTBOOK_STRICT": "0"}
    command = [sys.executable, "-m", "clientbook.hooks.probe", found.name, given]
    try:
        done = subprocess.run(  # noqa: S603  # this interpreter, this module
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=2 * allowed_seconds() + STARTING,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _broken(found, _("it did not come to an end and was killed"))
    try:
        return msgspec.json.decode(done.stdout.splitlines()[-1], type=Remembered)
    except (IndexError, msgspec.MsgspecError):
        return _broken(found, _("its process ended with code {code}").format(code=done.returncode))


def _broken(found: Found, reason: str) -> Remembered:
    return Remembered(distribution=found.distribution, version=found.version, state="broken", reason=reason)


def _main(name: str, entries: str) -> None:
    from clientbook.hooks.manager import Plugins

    plugins = Plugins.load(builtin=True, entries=json.loads(entries))
    plugins.load_all()
    plugin = plugins.known[name]
    fared = Remembered(
        distribution=plugin.distribution,
        version=plugin.version,
        state=plugin.state,
        reason=plugin.reason,
        trace=plugin.trace,
    )
    sys.stdout.buffer.write(b"\n" + msgspec.json.encode(fared) + b"\n")
    sys.stdout.flush()
    os._exit(0)  # threads that the plugin started are none of ours


if __name__ == "__main__":
    _main(*sys.argv[1:])
