-- One row per value of a column of the orders since a day: how many orders have it; and sums over customers of the squares of
-- their own orders of that value, and of these times all of theirs, from which the spread among customers follows.
with each as (
    select
        hash(coalesce(customer_id, source || ' ' || order_id)) as owner,
        {column} as part,
        count(*) as own
    from orders
    where status <> 'cancelled' and order_date > $since and order_date <= $day
    group by 1, 2
),

counted as (
    select part, own, sum(own) over (partition by owner) as every
    from each
)

select
    part,
    cast(sum(own) as bigint) as orders,
    cast(sum(own * own) as double) as own_squares,
    cast(sum(own * every) as double) as crossed
from counted
group by part
