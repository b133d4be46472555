"""The command palette: our actions, sorting by a column, and customers by name, id or e-mail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from clientbook.i18n import _
from clientbook.tui.actions import ACTIONS
from clientbook.tui.errors import SnapshotLost
from clientbook.tui.screens.customers import CustomersScreen

if TYPE_CHECKING:
    from clientbook.tui.app import ClientbookApp

SHORTEST = 3
"""From so many characters customers are looked for."""


class ClientbookCommands(Provider):
    """What ctrl+p offers."""

    async def discover(self) -> Hits:
        for text, help, run in self._commands():
            yield DiscoveryHit(text, run, help=help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for text, help, run in self._commands():
            score = matcher.match(text)
            if score > 0:
                yield Hit(score, matcher.highlight(text), run, help=help)
        async for hit in self._customers(query.strip()):
            yield hit

    def _commands(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        app: ClientbookApp = self.app  # type: ignore[assignment]
        is_list = isinstance(self.screen, CustomersScreen)
        for action in ACTIONS:
            if action.in_palette and (action.scope == "app" or (action.scope == "customers" and is_list)):
                yield _(action.label), _(action.help), partial(app.run_action, action.run, self.screen)
        if isinstance(self.screen, CustomersScreen) and app.service:
            for column in app.service.columns:
                for descending, text in (
                    (False, _("Sort by {column}, smallest first")),
                    (True, _("Sort by {column}, largest first")),
                ):
                    run = partial(self.screen.sort_by, column.key, descending=descending)
                    yield text.format(column=column.label), _("Sort the list."), run

    async def _customers(self, text: str) -> AsyncIterator[Hit]:
        app: ClientbookApp = self.app  # type: ignore[assignment]
        service = app.service
        if service is None or len(text) < SHORTEST:
            return
        try:
            found = await asyncio.to_thread(service.suggestions, text)
        except asyncio.CancelledError:
            service.interrupt("palette")
            raise
        except SnapshotLost:
            app.recover(service)
            return
        except Exception:
            return  # interrupted by the next key; a real fault shows in the list itself
        for place, suggestion in enumerate(found):
            with suppress(AttributeError):
                run = partial(app.open_customer, suggestion.customer_id)
                yield Hit(0.5 - place / 100, Content(suggestion.text), run, text=suggestion.text)
