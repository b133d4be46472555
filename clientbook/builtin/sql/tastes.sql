-- One row per buyer of products: how many different ones, and the one bought in most orders (the latest of several).
with bought as (
    select
        order_lines.customer_id,
        order_lines.source,
        order_lines.order_id,
        order_lines.placed_at,
        coalesce(order_lines.product, order_lines.sku) as product,
        coalesce(order_lines.sku, order_lines.product) as article,
        order_lines.category
    from order_lines
    inner join orders on order_lines.source = orders.source and order_lines.order_id = orders.order_id
    where order_lines.customer_id is not null
        and order_lines.kind = 'product'
        and order_lines.quantity > 0
        and orders.status not in ('cancelled', 'refunded')
),

counted as (
    select customer_id, count(distinct article) as product_count, count(distinct category) as category_count
    from bought
    group by customer_id
),

products as (
    select customer_id, max_by(product, row(orders, last_at, product)) as product
    from (
        select customer_id, product, count(distinct (source, order_id)) as orders, max(placed_at) as last_at
        from bought
        where product is not null
        group by all
    ) as each
    group by customer_id
),

categories as (
    select customer_id, max_by(category, row(orders, last_at, category)) as category
    from (
        select customer_id, category, count(distinct (source, order_id)) as orders, max(placed_at) as last_at
        from bought
        where category is not null
        group by all
    ) as each
    group by customer_id
)

select counted.customer_id, counted.product_count, counted.category_count, products.product, categories.category
from counted
left join products using (customer_id)
left join categories using (customer_id)
