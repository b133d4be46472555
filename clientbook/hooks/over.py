"""The one function of rules whose name SQL reserves: `over(aggregate, condition)`, an aggregate over other customers."""

from __future__ import annotations

from typing import Final

OVER: Final = "_ovr"
"""What `over` is called in a tree. As long as the word, so that places in the text stay right."""


def with_over_renamed(text: str) -> str:
    """The text with `over(` as a function; after a parenthesis it would be a window, which stays one.

    Raises:
        TokenError: a quotation mark is not closed.
    """
    from sqlglot.dialects.duckdb import DuckDB
    from sqlglot.tokenizer_core import TokenType

    tokens = DuckDB().tokenize(text)
    for place, token in enumerate(tokens[:-1]):
        before = tokens[place - 1].token_type if place else None
        if token.token_type == TokenType.OVER and before != TokenType.R_PAREN:
            text = text[: token.start] + OVER + text[token.end + 1 :]
    return text
