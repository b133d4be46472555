-- One row per order of the file of which it says how much was paid back, as the refund. The file has no date of it: it is the
-- cancellation's, else the order's. One amount stands for all that was paid back, so it goes by the order's number.
select documents.unit, documents.order_id as key, coalesce(said.cancelled_at, documents.placed_at) as placed_at,
    external, email, phone,
    struct_pack(
        amount := said.refunded, currency := currency, order_id := documents.order_id, refund_id := documents.order_id
    ) as event
from documents
inner join (
    select
        coalesce(order_id, 'row ' || row) as document,
        min(order_cancelled_at) as cancelled_at,
        max(abs(order_refunded)) as refunded
    from typed
    group by 1
) as said using (document)
where what = 'order' and documents.order_id is not null and said.refunded > 0
order by documents.unit
