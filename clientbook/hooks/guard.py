"""Runs what plugins bring, and keeps account of what fails: the plugin is named, and nothing else suffers."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from clientbook.errors import ClientbookError
from clientbook.hooks.checks import Fault
from clientbook.hooks.discovery import CORE
from clientbook.hooks.remembering import remember
from clientbook.hooks.states import Plugin, PluginFailed, State, file_of, place_of, trace_of, with_version
from clientbook.hooks.watchdog import PluginTooSlow, allowed_seconds, limited
from clientbook.i18n import _

FAILURES: Final = 3
"""Calls that may fail before a plugin is left out until the program is started again."""


class Guard:
    """The plugins that are known, and how they fare."""

    def __init__(self, *, strict: bool = False) -> None:
        self.known: dict[str, Plugin] = {}
        """All plugins that are installed, by name, and `core`."""
        self.listener: Callable[[str], None] | None = None
        """Is told of each trouble as it comes."""
        self.troubles: list[str] = []
        """What went wrong, as people read it."""
        self._strict = strict
        self._memory: Path | None = None

    def call(self, owner: str, function: Callable[..., Any], *args: Any, **named: Any) -> tuple[Any, str | None]:
        """Call a plugin's function: its value and None, or None and a message that names the plugin.

        `owner` is the id of a declaration, or the plugin's name. A generator's values are drawn here, as a list. A
        failure is recorded, and for the caller to tell; with the third the plugin is left out until the program is started
        again.

        Raises:
            PluginFailed: it failed, and the environment is strict.
        """
        plugin = self.known.get(owner.partition(".")[0]) or self._nameless(owner)
        if plugin.failures >= FAILURES:
            said = _("plugin {plugin} failed {count} times and is left out until the program is started again")
            return None, said.format(plugin=plugin.name, count=FAILURES)
        try:
            value = function(*args, **named)
            return (list(value) if isinstance(value, Iterator) else value), None
        except (Exception, SystemExit) as error:
            return None, self._failed(plugin, owner, error)

    def listen(self, listener: Callable[[str], None]) -> None:
        """Tell of the troubles that were, and from now on of each as it comes."""
        for said in self.troubles:
            listener(said)
        self.listener = listener

    def _guarded(self, plugin: Plugin, function: Callable[[], Any], what: str = "") -> Any:
        """What the function gives, within the time that loading may take; None where it fails, which is recorded.

        No customer is known yet while a plugin is loaded, so an error's own words are shown.
        """
        state: State = "partial" if what else "broken"
        seconds = allowed_seconds()
        try:
            with limited(seconds):
                value = function()
                return list(value) if isinstance(value, Iterator) else value
        except PluginTooSlow as error:
            said = _(
                "it took longer than {seconds:g} s and was stopped; `clientbook plugins disable {name}` spares the wait"
            )
            said = said.format(seconds=seconds, name=plugin.name)
            self._record(plugin, state, f"{what}: {said}" if what else said, trace=trace_of(error))
        except (Exception, SystemExit) as error:
            words = str(error).strip().splitlines()
            said = f"{type(error).__name__}: {words[0]}" if words else type(error).__name__
            said = f"{what}: {said}" if what else _("it cannot be loaded: {error}").format(error=said)
            _show(error)
            self._record(plugin, state, said, trace=trace_of(error))
        return None

    def _failed(self, plugin: Plugin, owner: str, error: BaseException) -> str:
        """Record that a call failed; the message. An error's own words may quote a customer, unless they are ours."""
        plugin.failures += 1
        _show(error)
        plugin.trace = trace_of(error)
        said = f"{type(error).__name__} ({place_of(error)})"
        if isinstance(error, ClientbookError) or file_of(error) == __file__:
            said = str(error)  # ours, or of the call itself: the function does not take these arguments
        what = f", {owner}" if owner != plugin.name else ""
        message = _("plugin {plugin}{what} failed: {error}").format(plugin=plugin.name, what=what, error=said)
        if self._strict:
            raise PluginFailed(message) from error
        if plugin.failures == FAILURES:
            plugin.state, plugin.reason = "broken", message
            self._keep()
            said = _("plugin {plugin} failed {count} times and is left out until the program is started again")
            self.tell(said.format(plugin=plugin.name, count=FAILURES))
        return message

    def _record_faults(self, plugin: Plugin, faults: Sequence[Fault]) -> None:
        for name, fault in faults:
            self._record(plugin, "partial", f"{name}: {fault}")

    def _record(self, plugin: Plugin, state: State, reason: str, *, trace: str = "") -> None:
        plugin.state = state
        plugin.reason = "\n".join(filter(None, (plugin.reason, reason)))
        plugin.trace = trace or plugin.trace
        self._keep()
        left_out = _("plugin {plugin}: {reason}") if state == "partial" else _("plugin {plugin} is left out: {reason}")
        message = left_out.format(plugin=with_version(plugin), reason="; ".join(reason.splitlines()))
        if self._strict:
            raise PluginFailed(message)
        self.tell(message)

    def tell(self, message: str) -> None:
        """Tell once of something that went wrong."""
        if message in self.troubles:
            return
        self.troubles.append(message)
        if self.listener:
            self.listener(message)

    def _keep(self, *, fresh: bool = False) -> None:
        """Keep how the plugins fare; just after loading, what was known of declarations not asked for yet stays."""
        if self._memory:
            remember(self._memory, [one for one in self.known.values() if one.name != CORE], fresh=fresh)

    def _nameless(self, owner: str) -> Plugin:
        """The entry of a plugin that this program did not load, such as one that a test calls by hand."""
        name = owner.partition(".")[0]
        return self.known.setdefault(name, Plugin(name=name, distribution="", version=""))


def _show(error: BaseException) -> None:
    """Print an error whole where CLIENTBOOK_DEBUG=1 asks for it; it may quote a customer."""
    if os.environ.get("CLIENTBOOK_DEBUG") == "1":
        traceback.print_exception(error)
