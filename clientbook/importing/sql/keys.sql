-- One row per customer that the batch names, in whatever ways.
select
    key,
    any_value(customer_id) as customer_id,
    bool_or(starts_with(key, 'id ')) as is_given,
    bool_or(is_registered) as is_registered,
    min(refs.first_row) as first_row
from decided
inner join refs using (ref)
group by key
