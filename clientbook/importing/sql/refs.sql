-- One row per way the batch names a customer.
select
    row_number() over (order by first_row) as ref,
    *
from (
    select
        source, given_id, external, email, phone,
        min(row) as first_row,
        min(occurred_at) as first_at,
        bool_or(type = 'customer_registered') as is_registered
    from drafted
    where coalesce(given_id, external, email, phone) is not null
    group by source, given_id, external, email, phone
) as named
