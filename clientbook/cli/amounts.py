"""Amounts and order lines as people type them: `53.70`, `53,70`, `SAV-500:2:9,90`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from clientbook.errors import WrongUse
from clientbook.i18n import _


def read_amount(text: str) -> Decimal:
    """An amount with a point or a comma.

    Raises:
        WrongUse: it is none.
    """
    bare = re.sub(r"[\s\u00a0\u202f€£$]", "", text).replace(",", ".")
    if not re.fullmatch(r"-?\d{1,13}(\.\d{1,4})?", bare, re.ASCII):
        raise WrongUse(_("{text!r} is no amount; write 53.70 or 53,70").format(text=text))
    return Decimal(bare)


def read_line(text: str) -> dict[str, Any]:
    """`SKU:QTY:PRICE` as an order line.

    Raises:
        WrongUse: it is none.
    """
    parts = text.split(":")
    if len(parts) != 3 or not parts[0]:
        raise WrongUse(_("{text!r} is no line; write SKU:QTY:PRICE").format(text=text))
    quantity, price = read_amount(parts[1]), read_amount(parts[2])
    return {"sku": parts[0], "quantity": quantity, "unit_price": price, "amount": round(quantity * price, 4)}
