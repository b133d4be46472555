"""What the conformance classes have in common: the plugin, the declaration that is checked, and books to check it in."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import pytest

from clientbook.book import Book
from clientbook.hooks.checks import name_of
from clientbook.testing.workbench import Workbench, namespace_of


class Named(Protocol):
    """Any declaration."""

    label: str


_FAULTS: dict[type, list[str]] = {}


class Conformance:
    """Subclass one of the kinds, and say which plugin and which of its declarations is meant."""

    plugin: ClassVar[Any]
    """The plugin's module."""
    id: ClassVar[str]
    """The declaration's id, such as `loyalty.points`."""
    hook: ClassVar[str]
    attribute: ClassVar[str]
    """Where loaded plugins keep what the hook returns."""

    bench: Workbench

    @pytest.fixture(autouse=True)
    def _workbench(self, workbench: Workbench) -> None:
        self.bench = workbench

    @property
    def given(self) -> Any:
        """The declaration as the plugin returns it, unchecked."""
        namespace = namespace_of(self.plugin)
        declared = {name_of(one, namespace): one for one in getattr(self.plugin, self.hook)()}
        assert self.id in declared, f"{self.hook} returns no {self.id}; it returns {', '.join(declared) or 'nothing'}"
        return declared[self.id]

    @property
    def declared(self) -> Any:
        """The declaration, if it is sound: otherwise one check says so, and the others have nothing to check."""
        if self._faults():
            pytest.skip("the declaration is not sound")
        return self.given

    def book(self) -> Book:
        """An empty book with the plugin; the check ends here where the declaration is not sound."""
        assert self.declared is not None
        return self.bench.book(self.plugin)

    def _faults(self) -> list[str]:
        if type(self) not in _FAULTS:
            _FAULTS[type(self)] = self._found_faults()
        return _FAULTS[type(self)]

    def _found_faults(self) -> list[str]:
        book = self.bench.book(self.plugin, strict=False)
        book.plugins.load_all()
        about = [one for one in book.plugins.troubles if f"{self.id}:" in one or "is left out" in one]
        if not about and self.id not in getattr(book.plugins, self.attribute):
            about = [f"{self.id} is not among what clientbook loaded"]
        return about

    def test_the_declaration_is_sound(self) -> None:
        """The plugin loads, and clientbook finds no fault in the declaration: its id, its fields, and that they agree."""
        assert self._faults() == []
