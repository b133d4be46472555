"""From the text to a tree: exactly one expression, with the places of its parts."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from clientbook.hooks.over import OVER, with_over_renamed
from clientbook.i18n import _
from clientbook.query.expressions.names import InvalidExpression

__all__ = ["OVER", "parse", "place_of"]


def parse(text: str) -> exp.Expr:
    """The tree of a text.

    Raises:
        InvalidExpression: it is not exactly one expression.
    """
    try:
        trees = sqlglot.parse(with_over_renamed(text), dialect="duckdb")
    except TokenError:
        raise InvalidExpression(_("a quotation mark is not closed; text goes in single quotes: city = 'Lyon'")) from None
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        place = len(first.get("start_context") or "") if first else None
        near = first.get("highlight") or _("the end")
        raise InvalidExpression(
            _("this filter cannot be read near {near!r}; an example: order_count > 3").format(near=near), place=place
        ) from None
    except RecursionError:
        raise InvalidExpression(_("this filter is nested too deeply")) from None
    if len(trees) != 1 or trees[0] is None:
        raise InvalidExpression(_("one filter is expected, such as: order_count = 1"))
    return trees[0]


def place_of(node: exp.Expr) -> int | None:
    """Where a node begins in the text: operators do not know, their parts do."""
    starts = [part.meta["start"] for part in node.walk() if "start" in part.meta]
    return min(starts, default=None)
