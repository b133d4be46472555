-- One row per customer and category of products that the customer bought, or has an open contract about.
select distinct order_lines.customer_id, order_lines.category
from order_lines
cross join decision
where order_lines.customer_id is not null and order_lines.category is not null and order_lines.placed_at <= decision.at
union
select customer_id, category
from (
    select
        one.customer_id,
        max_by(one.type, row(one.occurred_at, one.type = 'contract_closed')) as last_act,
        max(one.summary) filter (where one.type = 'contract_opened') as category
    from interactions as one
    cross join decision
    where one.type in ('contract_opened', 'contract_closed') and one.occurred_at <= decision.at
    group by one.customer_id, one.reference
) as contracts
where last_act = 'contract_opened' and category is not null
