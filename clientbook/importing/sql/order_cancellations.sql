-- One row per order of the file that was called off, as the event that says so.
select documents.unit, documents.order_id as key, said.cancelled_at as placed_at, external, email, phone,
    struct_pack(order_id := documents.order_id) as event
from documents
inner join (
    select coalesce(order_id, 'row ' || row) as document, min(order_cancelled_at) as cancelled_at
    from typed
    group by 1
) as said using (document)
where what = 'order' and documents.order_id is not null and said.cancelled_at is not null
order by documents.unit
