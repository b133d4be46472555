-- One row per customer that the batch names and the book does not know: the id it had in an import that is undone. Imported
-- again, a customer is who it was: merges, exports and other imports that name the id stay right.
with gone as (
    select customer_id, position, source, identifier_linked.kind as kind, identifier_linked.value as value
    from all_events
    where identifier_linked is not null and coalesce(identifier_linked.strength, 'strong') = 'strong'
        and batch in (select batch from undone_batches)
        and position not in (select position from voided)
        and customer_id not in (select customer_id from customers union select customer_id from customer_roots)
    union all
    select customer_id, position, source, 'external', account_opened.external_id
    from all_events
    where account_opened.external_id is not null
        and batch in (select batch from undone_batches)
        and position not in (select position from voided)
        and customer_id not in (select customer_id from customers union select customer_id from customer_roots)
),

named as (
    select keys.key, refs.source, refs.external, refs.email, refs.phone
    from keys
    inner join decided using (key)
    inner join refs using (ref)
    where keys.customer_id is null
),

matched as (
    select named.key, gone.customer_id, 1 as rank, gone.position
    from named
    inner join gone on gone.kind = 'external' and gone.source = named.source and gone.value = named.external
    union all
    select named.key, gone.customer_id, 2, gone.position
    from named
    inner join gone on gone.kind = 'email' and lower(gone.value) = named.email
    where named.external is null or gone.customer_id not in (
        select customer_id from gone where kind = 'external' and gone.source = named.source
    )
    union all
    select named.key, gone.customer_id, 3, gone.position
    from named
    inner join gone on gone.kind = 'phone' and gone.value = named.phone
    where named.external is null and named.email is null
)

select key, min_by(customer_id, row(rank, -position)) as customer_id
from matched
group by key
