-- One row per way of naming: the customer, NULL where the source gave an id that nobody has and the batch does not register.
select
    decided.ref,
    case
        when keys.is_given and not keys.is_registered and customers.customer_id is null then null
        else coalesce(keys.customer_id, fresh.customer_id)
    end as customer_id,
    case
        when keys.is_given then customers.customer_id is null
        else keys.customer_id is null
    end as is_new
from decided
inner join keys using (key)
left join fresh using (key)
left join customers on keys.customer_id = customers.customer_id
