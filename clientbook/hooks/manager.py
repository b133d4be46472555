"""Loads plugins and hands out what they declare; one that is broken is named and left out, and the rest goes on."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Final, TypeVar

import pluggy

from clientbook.hooks import hookspecs
from clientbook.hooks.declarations import Declaration, Metric, Segment, Trait

CORE: Final = "core"
"""The namespace of what comes with the program."""

BUILTIN: Final = ("clientbook.builtin.traits", "clientbook.builtin.metrics", "clientbook.builtin.segments")
"""The first-party plugins, loaded in this order."""

D = TypeVar("D", bound=Declaration)


@dataclass(frozen=True, kw_only=True)
class Owned:
    """A declaration and whose it is."""

    declaration: Any
    plugin: str


@dataclass(kw_only=True)
class Plugins:
    """The plugins that are loaded, and what they declare by id, in the order of ids."""

    manager: pluggy.PluginManager
    _registered: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, *, builtin: bool = True) -> Plugins:
        """Load the built-in plugins, unless told not to."""
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        for name in BUILTIN if builtin else ():
            module: ModuleType = importlib.import_module(name)
            manager.register(module, name=name)
        return cls(manager=manager)

    @property
    def traits(self) -> Mapping[str, Trait]:
        return self._declared("register_traits")

    @property
    def metrics(self) -> Mapping[str, Metric]:
        return self._declared("register_metrics")

    @property
    def segments(self) -> Mapping[str, Segment]:
        return self._declared("register_segments")

    def _declared(self, hook: str) -> Mapping[str, Any]:
        if hook not in self._registered:
            found = [one for given in getattr(self.manager.hook, hook)() for one in given]
            self._registered[hook] = {one.id: one for one in sorted(found, key=lambda one: one.id)}
        return self._registered[hook]
