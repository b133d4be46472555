-- One row per order of the file, as the event it becomes; its lines are put in afterwards.
select unit, order_id as key, placed_at, external, email, phone, struct_pack(
    order_id := coalesce(order_id, document), total := signed_total, currency := currency,
    channel := lower(channel), store := store, voucher_id := voucher_id
) as event
from documents where what = 'order' order by unit
