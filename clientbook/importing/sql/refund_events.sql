-- One row per refund of the file, as the event it becomes: amounts and quantities turned positive.
select unit, documents.order_id as key, placed_at, external, email, phone, struct_pack(
    amount := cast(-signed_total as decimal(18, 4)), currency := currency, order_id := refund_links.order_id,
    refund_id := documents.order_id,
    lines := [struct_pack(
        sku := line.sku, product := line.product, category := line.category, quantity := -line.quantity,
        unit_price := line.unit_price, amount := -line.amount
    ) for line in lines]
) as event
from documents left join refund_links using (unit) left join other_lines using (unit) where what = 'refund' order by unit
