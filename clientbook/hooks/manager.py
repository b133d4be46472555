"""Loads plugins and hands out what they declare; one that is broken is named and left out, and the rest goes on."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import msgspec
import pluggy

from clientbook.errors import ClientbookError
from clientbook.events.base import type_name
from clientbook.events.registry import CORE_EVENTS, Registry
from clientbook.hooks import hookspecs
from clientbook.hooks.checks import Checker, Fault, columns_named, cycles, name_of
from clientbook.hooks.declarations import (
    API_VERSION,
    AppendedBatch,
    EventType,
    Exporter,
    Finding,
    Identifier,
    Importer,
    ImportPlan,
    Metric,
    Report,
    Segment,
    Trait,
)
from clientbook.hooks.discovery import CORE, Found, discover
from clientbook.hooks.remembering import remember
from clientbook.hooks.states import Plugin, PluginFailed, State, Switches, hook_fault, place_of, trace_of, with_version
from clientbook.hooks.watchdog import PluginTooSlow, allowed_seconds, limited
from clientbook.i18n import _

BUILTIN: Final = (
    "clientbook.builtin.traits",
    "clientbook.builtin.metrics",
    "clientbook.builtin.segments",
    "clientbook.builtin.exporters",
)
"""The first-party plugins, loaded in this order."""

FAILURES: Final = 3
"""Calls that may fail before a plugin is left out until the program is started again."""


class Plugins:
    """The plugins that are loaded, and what they declare by id, in the order of ids.

    Declarations are asked for when they are first wanted, checked, and kept.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.known: dict[str, Plugin] = {}
        """All plugins that are installed, by name, and `core`."""
        self.listener: Callable[[str], None] | None = None
        """Is told of each trouble as it comes."""
        self.troubles: list[str] = []
        """What went wrong, as people read it."""
        self._strict = strict
        self._declared: dict[str, dict[str, Any]] = {}
        self._memory: Path | None = None

    @classmethod
    def load(
        cls,
        *,
        builtin: bool = True,
        entries: Mapping[str, Any] | None = None,
        switches: Switches | None = None,
        installed: Sequence[Found] | None = None,
        memory: Path | None = None,
    ) -> Plugins:
        """Load the built-in plugins, unless told not to, and those that are installed.

        `entries` is `[plugins]` of `book.toml`; `switches` and `installed` are what the environment says unless given.
        `memory` is the file that keeps how each fared.

        Raises:
            PluginFailed: one failed, and `switches` are strict.
        """
        switches = switches or Switches.from_environment()
        plugins = cls(strict=switches.strict)
        if builtin and switches.builtin:
            plugins._load_builtin()
        installed = discover() if installed is None else installed
        for found in installed:
            plugins._load(found, entries or {}, switches)
        for name in sorted((switches.allowed or frozenset()) - {found.name for found in installed}):
            said = _("CLIENTBOOK_PLUGINS names {name}, which is not installed; `clientbook plugins` lists what is")
            plugins.tell(said.format(name=name))
        plugins._memory = memory
        plugins._keep(fresh=True)
        return plugins

    @property
    def event_types(self) -> Mapping[str, EventType]:
        """By name, such as `loyalty.points_earned`."""
        return self._all("register_event_types")

    @property
    def identifiers(self) -> Mapping[str, Identifier]:
        """By kind."""
        return self._all("register_identifiers")

    @property
    def importers(self) -> Mapping[str, Importer]:
        return self._all("register_importers")

    @property
    def traits(self) -> Mapping[str, Trait]:
        return self._all("register_traits")

    @property
    def metrics(self) -> Mapping[str, Metric]:
        return self._all("register_metrics")

    @property
    def segments(self) -> Mapping[str, Segment]:
        return self._all("register_segments")

    @property
    def reports(self) -> Mapping[str, Report]:
        return self._all("register_reports")

    @property
    def exporters(self) -> Mapping[str, Exporter]:
        return self._all("register_exporters")

    def load_all(self) -> None:
        """Ask for everything that is declared, so that every fault comes to light."""
        for hook in hookspecs.REGISTERING:
            self._all(hook)

    def add_event_types(self, registry: Registry) -> None:
        """Put the plugins' types of events into a catalogue."""
        for name, declared in self.event_types.items():
            registry.add(declared.event, namespace=name.partition(".")[0], side=declared.side)

    def add_identifiers(self, registry: Registry) -> None:
        """Put the plugins' kinds of numbers into a catalogue. A `normalise` that fails knows no number."""
        for kind, declared in self.identifiers.items():
            registry.identifiers[kind] = partial(self._normalised, declared)

    def _normalised(self, declared: Identifier, text: str) -> str | None:
        form, fault = self.call(declared.kind, declared.normalise, text)
        if fault is not None:
            self.tell(fault)
        return form if isinstance(form, str) else None

    @property
    def event_labels(self) -> dict[str, str]:
        """What people call the plugins' types of events."""
        return {name: _(declared.label) for name, declared in self.event_types.items()}

    def settings(self, owner: str) -> Any:
        """The settings of the plugin that owns an id or has that name; None where it declares none."""
        plugin = self.known.get(owner.partition(".")[0])
        return plugin.settings if plugin else None

    def version(self, owner: str) -> str:
        """The version of the plugin that owns an id or has that name."""
        return self.known[owner.partition(".")[0]].version

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

    def hears(self, hook: str) -> bool:
        """Whether any plugin that is loaded implements the hook."""
        loaded = [module for plugin in self.known.values() if plugin.is_loaded for module in plugin.modules]
        return any(_implements(self.manager, hook, module) for module in loaded)

    def check_import(self, plan: ImportPlan) -> list[tuple[str, Finding]]:
        """What plugins say of an import that is about to be made: name of the plugin and finding."""
        found = []
        for plugin, given in self._each("check_import", plan=plan):
            for one in given if isinstance(given, list | tuple) else ():
                if isinstance(one, Finding):
                    found.append((plugin.name, one))
                else:
                    said = _("check_import: expected a Finding, found {kind}").format(kind=type(one).__name__)
                    self._record(plugin, "partial", said)
        return found

    def appended(self, batch: AppendedBatch) -> None:
        """Tell the plugins what was appended."""
        for _answer in self._each("log_appended", batch=batch):
            pass

    def listen(self, listener: Callable[[str], None]) -> None:
        """Tell of the troubles that were, and from now on of each as it comes."""
        for said in self.troubles:
            listener(said)
        self.listener = listener

    def _load_builtin(self) -> None:
        from clientbook import __version__

        core = Plugin(name=CORE, distribution="clientbook", version=__version__)
        self.known[CORE] = core
        for name in BUILTIN:
            module: ModuleType = importlib.import_module(name)
            self.manager.register(module, name=name)
            core.modules.append(module)

    def _load(self, found: Found, entries: Mapping[str, Any], switches: Switches) -> None:
        plugin = Plugin(name=found.name, distribution=found.distribution, version=found.version)
        self.known[found.name] = plugin
        point = found.entry_point
        if switches.allowed is not None and found.name not in switches.allowed:
            plugin.state, plugin.reason = "blocked", _("CLIENTBOOK_PLUGINS does not name it")
            plugin.is_passed_over = True
        elif found.name in entries.get("disabled", ()):
            plugin.state, plugin.reason = "disabled", _("book.toml says so; `clientbook plugins enable {name}` lets it in")
            plugin.reason = plugin.reason.format(name=found.name)
        elif point is None:
            self._record(plugin, "blocked", found.fault)
        elif (module := self._guarded(plugin, point.load)) is not None and self._is_compatible(plugin, module):
            self._register(plugin, module)
            if plugin.is_loaded:
                self._read_settings(plugin, entries.get(found.name))

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
            self._record(plugin, state, said, trace=trace_of(error))
        return None

    def _is_compatible(self, plugin: Plugin, module: Any) -> bool:
        wanted = getattr(module, "API_VERSION", None)
        if isinstance(wanted, int) and not isinstance(wanted, bool) and 1 <= wanted <= API_VERSION:
            return True
        if wanted is None:
            said = _("it does not say for which version of clientbook.api it was written: API_VERSION = {ours}")
        else:
            said = _("it was written for version {wanted} of clientbook.api; this clientbook has {ours}: update clientbook")
        self._record(plugin, "incompatible", said.format(wanted=wanted, ours=API_VERSION))
        return False

    def _register(self, plugin: Plugin, module: Any) -> None:
        """Register a module whose hooks are all ours, by name, arguments and order."""
        try:
            self.manager.register(module, name=plugin.name)
        except (pluggy.PluginValidationError, ValueError) as error:
            self._record(plugin, "broken", hook_fault(error))
            return
        faults = list(self._hook_faults(module))
        if faults:
            self.manager.unregister(module)
            self._record(plugin, "broken", "\n".join(faults))
            return
        plugin.modules.append(module)

    def _hook_faults(self, module: Any) -> Iterator[str]:
        callers = self.manager.get_hookcallers(module) or []
        if not callers:
            yield _("it implements no hook; mark its functions with @hookimpl")
        for caller in callers:
            if not caller.has_spec():
                near = difflib.get_close_matches(caller.name, hookspecs.NAMES, n=1)
                hint = _("; did you mean {near}?").format(near=near[0]) if near else ""
                yield _("there is no hook {name}{hint}").format(name=caller.name, hint=hint)
            for impl in caller.get_hookimpls():
                ordered = impl.tryfirst or impl.trylast or impl.wrapper or impl.hookwrapper
                if impl.plugin is module and ordered:
                    yield _("{name}: tryfirst, trylast and wrapper are refused").format(name=caller.name)

    def _read_settings(self, plugin: Plugin, table: Mapping[str, Any] | None) -> None:
        """Convert `[plugins.<name>]` by the plugin's Struct, strictly. What cannot be read disables the plugin."""
        struct = None
        if _implements(self.manager, "plugin_settings", plugin.modules[0]):
            struct = self._guarded(plugin, lambda: self._ask("plugin_settings", plugin.modules[0]), "plugin_settings")
            if plugin.state != "ok":
                plugin.state = "broken"
                return
            if not (isinstance(struct, type) and issubclass(struct, msgspec.Struct)):
                self._record(plugin, "broken", _("plugin_settings: expected a Struct class"))
                return
        if struct is None:
            if table is not None:
                said = _("book.toml: plugins.{name}: the plugin has no settings").format(name=plugin.name)
                self._record(plugin, "broken", said)
            return
        missing = [one.name for one in msgspec.structs.fields(struct) if one.required]
        if missing:
            said = _("plugin_settings: every field needs a default; {fields} have none")
            self._record(plugin, "broken", said.format(fields=", ".join(missing)))
            return
        unknown = sorted(set(table or {}) - {one.encode_name for one in msgspec.structs.fields(struct)})
        try:
            plugin.settings = msgspec.convert(table or {}, struct)
        except msgspec.ValidationError as error:
            message, _at, path = str(error).partition(" - at `$")
            entry = f"plugins.{plugin.name}{path.rstrip('`')}"
            self._record(plugin, "broken", f"book.toml: {entry}: {message}")
            return
        if unknown:
            said = _("book.toml: plugins.{name}: there is no entry {entry}").format(name=plugin.name, entry=unknown[0])
            self._record(plugin, "broken", said)

    def _all(self, hook: str) -> Mapping[str, Any]:
        """What all plugins declare by a hook, checked, by id."""
        if hook not in self._declared:
            known_types = [type_name(event) for event in CORE_EVENTS]
            known_types += self.event_types if hook == "register_importers" else ()
            found: dict[str, Any] = {}
            for plugin in self.known.values():
                found |= self._sound(plugin, hook, known_types) if plugin.is_loaded else {}
            if hook == "register_traits":
                self._leave_out_clashes(found)
            self._declared[hook] = dict(sorted(found.items()))
        return {name: one for name, one in self._declared[hook].items() if self._may_be_used(name)}

    def _may_be_used(self, name: str) -> bool:
        return self.known[name.partition(".")[0]].failures < FAILURES

    def _sound(self, plugin: Plugin, hook: str, known_types: list[str]) -> dict[str, Any]:
        given: list[Any] = []
        for module in plugin.modules:
            if not _implements(self.manager, hook, module):
                continue

            def ask(module: Any = module) -> list[Any]:
                answer = self._ask(hook, module)
                if answer is None or isinstance(answer, str | bytes | Mapping) or not isinstance(answer, Iterable):
                    raise TypeError(_("expected a list of declarations, found {kind}").format(kind=type(answer).__name__))
                return list(answer)

            given += self._guarded(plugin, ask, hook) or []
        sound, faults = Checker(plugin.name, known_types=known_types).sound(hook, given)
        self._record_faults(plugin, faults)
        return {name_of(one, plugin.name): one for one in sound}

    def _leave_out_clashes(self, traits: dict[str, Trait]) -> None:
        """Take out traits that claim one column, and those that need each other in a circle."""
        by_column: dict[str, list[str]] = {}
        for name, trait in traits.items():
            by_column.setdefault(trait.column, []).append(name)
        for column, names in by_column.items():
            ours = [name for name in names if name.startswith(f"{CORE}.")]
            for name in names if len(names) > 1 else ():
                if [name] == ours:  # what comes with the program stays
                    continue
                others = ", ".join(sorted(other for other in names if other != name))
                said = _("the column {column} is claimed by {others} too").format(column=column, others=others)
                self._record_faults(self.known[name.partition(".")[0]], [(name, said)])
                del traits[name]
        columns = {trait.column: name for name, trait in traits.items()}
        needs = {
            name: {columns[one] for one in columns_named(trait.sql) if one in columns}
            for name, trait in traits.items()
            if trait.sql
        }
        for name in sorted(cycles(needs)):
            said = _("its columns need each other in a circle")
            self._record_faults(self.known[name.partition(".")[0]], [(name, said)])
            del traits[name]

    def _ask(self, hook: str, module: Any, **given: Any) -> Any:
        """What one module answers to a hook; None where it has nothing to say."""
        others = [one for one in self.manager.get_plugins() if one is not module]
        answers = self.manager.subset_hook_caller(hook, others)(**given)
        return answers[0] if answers else None

    def _each(self, hook: str, **given: Any) -> Iterator[tuple[Plugin, Any]]:
        """Each plugin that implements a hook, and what it answers; one that fails is recorded and left out."""
        for plugin in list(self.known.values()):
            for module in plugin.modules if plugin.is_loaded else ():
                if not _implements(self.manager, hook, module):
                    continue
                answer, fault = self.call(
                    plugin.name,
                    lambda module=module, plugin=plugin: _drawn(self._ask(hook, module, **given, settings=plugin.settings)),
                )
                if fault is None:
                    yield plugin, answer
                else:
                    self.tell(fault)

    def _failed(self, plugin: Plugin, owner: str, error: BaseException) -> str:
        """Record that a call failed; the message. An error's own words may quote a customer, unless they are ours."""
        plugin.failures += 1
        plugin.trace = trace_of(error)
        said = f"{type(error).__name__} ({place_of(error)})"
        if isinstance(error, ClientbookError) or plugin.trace.endswith(" call"):
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


def _implements(manager: pluggy.PluginManager, hook: str, module: Any) -> bool:
    return any(impl.plugin is module for impl in getattr(manager.hook, hook).get_hookimpls())


def _drawn(answer: Any) -> Any:
    return list(answer) if isinstance(answer, Iterator) else answer
