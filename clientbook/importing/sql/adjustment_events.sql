-- One row per bookkeeping entry of the file, as the event it becomes.
select unit, order_id as key, placed_at, external, email, phone, struct_pack(
    amount := signed_total, currency := currency, adjustment_id := order_id, reason := lines[1].product
) as event
from documents left join other_lines using (unit) where what = 'adjustment' order by unit
