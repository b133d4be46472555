-- One row per buyer: orders and revenue of the last twelve calendar months, in the book's currency.
select
    orders.customer_id,
    count(*) as recent_count,
    coalesce(sum(orders.revenue) filter (where orders.currency = book.currency), 0) as recent_revenue
from orders
cross join trait_book as book
where orders.customer_id is not null
    and orders.status <> 'cancelled'
    and orders.order_date > cast(book.day - interval 12 month as date)
group by orders.customer_id
