"""Filters and rules: one boolean SQL expression over customers, checked before it runs.

Only known columns, tables and listed functions pass; an aggregate means "over the file's buyers". What runs is rendered
from the checked tree, never the text that was typed.
"""

from clientbook.query.expressions.explaining import Condition, explain
from clientbook.query.expressions.expression import Expression, check, inlined, looks_like_expression, whole_file
from clientbook.query.expressions.names import Columns, InvalidExpression, Rule

__all__ = [
    "Columns",
    "Condition",
    "Expression",
    "InvalidExpression",
    "Rule",
    "check",
    "explain",
    "inlined",
    "looks_like_expression",
    "whole_file",
]
