"""A shop with a book, into which tests install plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from plugin_shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    found = Shop(tmp_path)
    found.run("init", "book")
    yield found


@pytest.fixture
def complaint(shop: Shop) -> Callable[..., str]:
    """`complaint(body)`: install a plugin `acme`, run `info`, which goes on, and give what stderr says."""

    def of(body: str, **options: Any) -> str:
        env = options.pop("env", {})
        shop.install("acme", body, **options)
        done = shop.run("info", **env)
        assert "Customers" in done.stdout
        said: str = done.stderr
        return said

    return of
