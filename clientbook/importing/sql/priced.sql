-- One row per row of an order file: its document, and what it adds to the control total.
select
    *,
    coalesce(order_id, 'row ' || row) as document,
    coalesce(line_amount, try_cast(round(cast(line_quantity as decimal(20, 4)) * line_unit_price, 4) as decimal(18, 4))) as amount
from typed
