"""Loads plugins and hands out what they declare; one that is broken is named and left out, and the rest goes on."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import msgspec
import pluggy

from clientbook.events.base import type_name
from clientbook.events.registry import CORE_EVENTS, Registry
from clientbook.hooks import hookspecs
from clientbook.hooks.checks import Checker, columns_named, cycles, name_of
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
from clientbook.hooks.guard import FAILURES, Guard
from clientbook.hooks.states import Plugin, Switches, hook_fault
from clientbook.i18n import _, add_texts

BUILTIN: Final = ("clientbook.builtin.traits", "clientbook.builtin.metrics", "clientbook.builtin.segments")
"""The first-party plugins, loaded in this order."""


class Plugins(Guard):
    """The plugins that are loaded, and what they declare by id, in the order of ids.

    Declarations are asked for when they are first wanted, checked, and kept.
    """

    def __init__(self, *, strict: bool = False) -> None:
        super().__init__(strict=strict)
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self._declared: dict[str, dict[str, Any]] = {}

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
        match getattr(module, "TEXTS", None):
            case None:
                pass
            case (str(domain), str() | Path() as folder):
                add_texts(domain, Path(folder))
            case _other:
                said = _("TEXTS: expected the name of a catalogue and the folder it lies in; it goes on in English")
                self._record(plugin, "partial", said)
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


def _implements(manager: pluggy.PluginManager, hook: str, module: Any) -> bool:
    return any(impl.plugin is module for impl in getattr(manager.hook, hook).get_hookimpls())


def _drawn(answer: Any) -> Any:
    return list(answer) if isinstance(answer, Iterator) else answer
