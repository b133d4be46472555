-- One row per customer who bought a product since a day: how many different products and categories.
with bought as (
    select
        order_lines.customer_id,
        coalesce(order_lines.sku, order_lines.product) as product,
        order_lines.category
    from order_lines
    cross join book
    where order_lines.kind = 'product' and order_lines.quantity > 0 and order_lines.customer_id is not null
        and order_lines.placed_at >= timezone(book.timezone, cast(cast($since as date) + 1 as timestamp))
        and order_lines.placed_at < timezone(book.timezone, cast(cast($day as date) + 1 as timestamp))
        and not exists (
            select 1 from orders
            where orders.status = 'cancelled' and orders.source = order_lines.source and orders.order_id = order_lines.order_id
        )
)

select
    hash(customer_id) as owner,
    count(distinct product) as products,
    count(distinct category) as categories
from bought
group by customer_id
having count(product) > 0
