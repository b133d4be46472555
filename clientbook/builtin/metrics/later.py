"""Functions that are imported when they are called: declaring a figure must not load numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module

from clientbook.api import Context, Estimate


def later(module: str, function: str, *arguments: str) -> Callable[[Context], Estimate | Iterable[Estimate]]:
    """The function of `clientbook.builtin.figures.<module>`, given the context and these arguments."""

    def compute(ctx: Context) -> Estimate | Iterable[Estimate]:
        found: Estimate | Iterable[Estimate] = getattr(import_module(f"clientbook.builtin.figures.{module}"), function)(
            ctx, *arguments
        )
        return found

    return compute
