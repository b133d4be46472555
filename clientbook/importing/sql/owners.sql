-- One row per way of naming: the customer, NULL where the source gave an id that nobody has and the batch does not register.
with known as (
    select customer_id from customers
    union
    select customer_id from customer_roots
)

select
    decided.ref,
    case
        when keys.is_given and not keys.is_registered and known.customer_id is null then null
        else coalesce(keys.customer_id, fresh.customer_id)
    end as customer_id,
    case
        when keys.is_given then known.customer_id is null
        else keys.customer_id is null
    end as is_new
from decided
inner join keys using (key)
left join fresh using (key)
left join known on keys.customer_id = known.customer_id
