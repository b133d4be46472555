"""From the text to a tree: exactly one expression, with the places of its parts."""

from __future__ import annotations

from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import TokenType

from clientbook.i18n import _
from clientbook.query.expressions.names import InvalidExpression

OVER: Final = "_ovr"
"""What `over` is called in a tree: the word itself is reserved. As long as the word, so that places stay right."""


def parse(text: str) -> exp.Expr:
    """The tree of a text.

    Raises:
        InvalidExpression: it is not exactly one expression.
    """
    try:
        trees = sqlglot.parse(_with_over_renamed(text), dialect="duckdb")
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


def _with_over_renamed(text: str) -> str:
    """The text with `over(` as a function; after a parenthesis it would be a window, which stays refused."""
    tokens = DuckDB().tokenize(text)
    for place, token in enumerate(tokens[:-1]):
        before = tokens[place - 1].token_type if place else None
        if token.token_type == TokenType.OVER and before != TokenType.R_PAREN:
            text = text[: token.start] + OVER + text[token.end + 1 :]
    return text
