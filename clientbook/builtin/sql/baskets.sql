-- One row per order in the book's currency since a day: whose it is (each order of a guest is of somebody else), and its net
-- amount.
select
    hash(coalesce(orders.customer_id, orders.source || ' ' || orders.order_id)) as owner,
    cast(orders.revenue as double) as net
from orders
cross join book
where orders.currency = book.currency and orders.status <> 'cancelled'
    and orders.order_date > $since and orders.order_date <= $day
