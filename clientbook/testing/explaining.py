"""What the conformance kit checks, in sentences: the docstrings of its checks."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from clientbook.testing import conformance


def checks_of(kind: type) -> Iterator[tuple[str, str]]:
    """Name and sentence of each check of a conformance class, in the order in which they stand in the code."""
    seen: dict[str, str] = {}
    for base in reversed(inspect.getmro(kind)):
        for name, check in vars(base).items():
            if name.startswith("test_"):
                seen[name] = " ".join((check.__doc__ or "").split())
    yield from seen.items()


def explained() -> str:
    """All checks of all kinds, as text."""
    parts = []
    for name in conformance.__all__:
        kind = getattr(conformance, name)
        lines = [f"  {check}\n      {sentence}" for check, sentence in checks_of(kind)]
        parts.append("\n".join([f"{name}: {(kind.__doc__ or '').splitlines()[0]}", *lines]))
    return "\n\n".join(parts)
