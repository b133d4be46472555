-- One row per customer: the traits that are plain SQL, by somebody who knows what they mean and reads each table once.
with days as (
    select distinct customer_id, order_date from orders where customer_id is not null and status <> 'cancelled'
),

gaps as (
    select
        customer_id, count(*) as order_days, max(order_date) as last_day,
        case when count(*) >= 3 then cast(median(gap) as double) end as usual
    from (
        select
            customer_id, order_date,
            date_diff('day', lag(order_date) over (partition by customer_id order by order_date), order_date) as gap
        from days
    )
    group by customer_id
),

recent as (
    select
        customer_id,
        count(*) filter (where order_date > date '2025-06-30') as orders_12m,
        coalesce(sum(revenue) filter (where order_date > date '2025-06-30'), 0) as revenue_12m
    from orders
    where customer_id is not null and status <> 'cancelled' and currency = 'EUR'
    group by customer_id
),

halves as (
    select
        customer_id,
        avg(revenue) filter (where number > half) as later,
        avg(revenue) filter (where number <= half) as earlier
    from (
        select
            customer_id, cast(revenue as double) as revenue,
            row_number() over (partition by customer_id order by placed_at, position) as number,
            count(*) over (partition by customer_id) // 2 as half
        from orders
        where customer_id is not null and status <> 'cancelled' and currency = 'EUR'
    )
    where half >= 2
    group by customer_id
),

bought as (
    select order_lines.customer_id, source, order_id, order_lines.placed_at, coalesce(product, sku) as product, sku, category
    from order_lines
    inner join orders using (source, order_id)
    where kind = 'product' and quantity > 0 and status not in ('cancelled', 'refunded')
),

tastes as (
    select
        customer_id,
        count(distinct sku) as products,
        count(distinct category) as categories
    from bought
    group by customer_id
),

favourites as (
    select customer_id, max_by(product, row(n, last_at, product)) as product
    from (select customer_id, product, count(distinct (source, order_id)) as n, max(placed_at) as last_at from bought group by all)
    group by customer_id
),

favourite_categories as (
    select customer_id, max_by(category, row(n, last_at, category)) as category
    from (select customer_id, category, count(distinct (source, order_id)) as n, max(placed_at) as last_at from bought group by all)
    group by customer_id
),

plain as (
    select
        customers.customer_id, order_count, revenue, birth_date,
        date_diff('day', cast(timezone('Europe/Paris', last_order_at) as date), date '2026-06-30') as recency_days,
        date_diff('day', cast(timezone('Europe/Paris', first_order_at) as date), date '2026-06-30') as tenure_days,
        case when order_count > 0 then coalesce(orders_12m, 0) end as orders_12m,
        cast(case when order_count > 0 then coalesce(revenue_12m, 0) end as decimal(38, 4)) as revenue_12m,
        usual, last_day, later, earlier, products, categories, favourites.product, favourite_categories.category
    from customers
    left join recent using (customer_id)
    left join gaps using (customer_id)
    left join halves using (customer_id)
    left join tastes using (customer_id)
    left join favourites using (customer_id)
    left join favourite_categories using (customer_id)
),

scored as (
    select
        *,
        case when order_count > 0
            then cast(ceil(5 * cume_dist() over (partition by order_count > 0 order by recency_days desc)) as bigint) end as r,
        case when order_count >= 10 then 5 when order_count >= 5 then 4 when order_count >= 3 then 3
            when order_count >= 1 then order_count end as f,
        case when order_count > 0
            then cast(ceil(5 * cume_dist() over (partition by order_count > 0 order by revenue)) as bigint) end as m,
        sum(revenue_12m) over (partition by revenue_12m > 0 order by revenue_12m desc, customer_id) - revenue_12m as greater,
        sum(revenue_12m) over (partition by revenue_12m > 0) as whole
    from plain
)

select
    customer_id, recency_days, tenure_days, orders_12m, revenue_12m,
    case when tenure_days >= 90 then round(order_count * 365.25 / tenure_days, 4) end as orders_per_year,
    r as recency_score, f as frequency_score, m as monetary_score,
    case
        when r = 5 and f = 1 then 'new' when r = 5 and f <= 3 then 'potential_loyalist' when r = 5 then 'champions'
        when r = 4 and f = 1 then 'promising' when r = 4 and f <= 3 then 'potential_loyalist'
        when r >= 3 and f >= 4 then 'loyal' when r = 3 and f = 3 then 'need_attention' when r = 3 then 'about_to_sleep'
        when f = 5 then 'cant_lose' when f >= 3 then 'at_risk' when r = 1 and f = 1 then 'lost' when r <= 2 then 'hibernating'
    end as rfm_segment,
    case
        when order_count = 0 then null when revenue_12m <= 0 then 'D' when greater < 0.80 * whole then 'A'
        when greater < 0.95 * whole then 'B' else 'C'
    end as abc_class,
    usual as usual_gap_days,
    round(recency_days / nullif(usual, 0), 4) as lateness,
    last_day + cast(round(usual) as integer) as next_order_due,
    round(later / nullif(earlier, 0) - 1, 4) as basket_trend,
    products as distinct_products, categories as distinct_categories,
    product as favourite_product, category as favourite_category,
    date_sub('year', birth_date, date '2026-06-30') as age
from scored
