-- One row per order of the file of which it says how much was paid back so far, and more than the book knows of: the
-- difference is the refund. The file has no date of it: it is the cancellation's, else the order's. The first goes by the
-- order's number, later ones by the number and the sum. `paid_back_before` has what such files said before.
select
    documents.unit,
    case when before.amount is null then documents.order_id else documents.order_id || ' / ' || said.refunded end as key,
    coalesce(said.cancelled_at, documents.placed_at) as placed_at,
    external, email, phone,
    struct_pack(
        amount := cast(said.refunded - coalesce(before.amount, 0) as decimal(18, 4)),
        currency := currency,
        order_id := documents.order_id,
        refund_id := case
            when before.amount is null then documents.order_id else documents.order_id || ' / ' || said.refunded
        end
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
left join paid_back_before as before on before.order_id = documents.order_id
where what = 'order' and documents.order_id is not null and said.refunded > coalesce(before.amount, 0)
order by documents.unit
