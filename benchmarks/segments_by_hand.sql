-- One row: how many customers are in each of the program's segments on 30 June 2026, in euros and Paris days, as somebody
-- would write it who needs nothing else. Without consents, rented lists and the usual lifetime.
with order_days as (
    select distinct customer_id, order_date from orders where customer_id is not null and status <> 'cancelled'
),

gaps as (
    select
        customer_id,
        order_date,
        row_number() over (partition by customer_id order by order_date) as k,
        lead(order_date) over (partition by customer_id order by order_date) as next_date
    from order_days
),

waits as (
    select
        customer_id,
        case when k >= 10 then 4 when k >= 5 then 3 when k >= 3 then 2 else k - 1 end as stratum,
        greatest(date_diff('day', order_date, coalesce(next_date, date '2026-06-30')), 0) as days,
        next_date is not null as is_closed
    from gaps
),

counted as (
    select stratum, days, count(*) as n, count(*) filter (where is_closed) as closed
    from waits
    group by 1, 2
),

curve as (
    select
        stratum,
        days,
        exp(sum(ln(greatest(1 - closed / at_risk, 1e-300))) over (partition by stratum order by days)) as survival
    from (
        select *, sum(n) over (partition by stratum order by days desc) as at_risk from counted
    ) as at_risk
),

asked as (
    select distinct stratum, days from waits where not is_closed
),

chances as (
    select
        asked.stratum,
        asked.days,
        round(1 - coalesce(later.survival, 1) / coalesce(now.survival, 1), 6) as p
    from asked
    asof left join curve as now on asked.stratum = now.stratum and asked.days >= now.days
    asof left join curve as later on asked.stratum = later.stratum and asked.days + 365 >= later.days
),

recent as (
    select customer_id, sum(revenue) as revenue_12m
    from orders
    where customer_id is not null and status <> 'cancelled' and order_date > date '2025-06-30'
    group by 1
),

before_last as (
    select customer_id, last_date
    from (
        select customer_id, order_date as last_date, lag(order_date) over (partition by customer_id order by order_date) as before
        from order_days
        qualify row_number() over (partition by customer_id order by order_date desc) = 1
    ) as lasts
    where before <= last_date - interval 12 month and last_date >= date '2026-06-30' - 90
),

carts as (
    select customer_id, max(occurred_at) as cart_at
    from interactions
    where type = 'cart_abandoned' and occurred_at > timestamptz '2026-06-30 21:59:00+00' - to_days(30)
    group by 1
),

askers as (
    select distinct customer_id from interactions where type in ('quote_requested', 'sample_requested')
),

known as (
    select
        customers.customer_id,
        customers.kind,
        customers.birth_date,
        customers.last_action_at,
        customers.order_count,
        customers.average_basket,
        customers.revenue,
        customers.last_order_at,
        cast(timezone('Europe/Paris', customers.first_order_at) as date) as first_day,
        cast(timezone('Europe/Paris', customers.last_order_at) as date) as last_day,
        case when customers.order_count > 0 then coalesce(recent.revenue_12m, 0) end as revenue_12m,
        chances.p,
        before_last.customer_id is not null as is_back,
        carts.cart_at,
        askers.customer_id is not null as has_asked
    from customers
    left join recent using (customer_id)
    left join before_last using (customer_id)
    left join carts using (customer_id)
    left join askers using (customer_id)
    left join (select customer_id, stratum, days from waits where not is_closed) as waiting using (customer_id)
    left join chances on waiting.stratum = chances.stratum and waiting.days = chances.days
),

scored as (
    select
        *,
        case
            when order_count > 0
                then cast(ceil(5 * cume_dist() over (
                    partition by order_count > 0 order by date_diff('day', last_day, date '2026-06-30') desc
                )) as bigint)
        end as r,
        case when order_count >= 10 then 5 when order_count >= 5 then 4 when order_count >= 3 then 3 else order_count end as f,
        case
            when order_count = 0 then null
            when revenue_12m <= 0 then 'D'
            when sum(revenue_12m) over sorted - revenue_12m < 0.80 * sum(revenue_12m) over everybody then 'A'
            when sum(revenue_12m) over sorted - revenue_12m < 0.95 * sum(revenue_12m) over everybody then 'B'
            else 'C'
        end as abc,
        case
            when average_basket > 0
                then round(p * exp(
                    order_count / (order_count + 2.0) * ln(cast(average_basket as double))
                    + 2.0 / (order_count + 2.0)
                    * avg(ln(cast(average_basket as double))) over (partition by average_basket > 0)
                ), 4)
        end as potential
    from known
    window sorted as (partition by revenue_12m > 0 order by revenue_12m desc, customer_id),
        everybody as (partition by revenue_12m > 0)
),

whole as (
    select
        avg(order_count) as orders,
        round(sum(revenue) / sum(order_count), 4) as basket,
        median(average_basket) as median_basket,
        quantile_cont(potential, 0.9) filter (where abc = 'C') as potential
    from scored
    where order_count > 0
)

select
    count(*) filter (where order_count = 1) as one_order,
    count(*) filter (where order_count = 1 and date_diff('day', last_day, date '2026-06-30') < 365) as one_order_recent,
    count(*) filter (where order_count = 1 and date_diff('day', last_day, date '2026-06-30') >= 365) as one_order_matured,
    count(*) filter (where order_count > 0 and order_count > whole.orders) as orders_above_mean,
    count(*) filter (where order_count > 0 and order_count < whole.orders) as orders_below_mean,
    count(*) filter (where first_day > date '2026-03-30') as new,
    count(*) filter (where p >= 0.5) as active,
    count(*) filter (where p >= 0.2 and p < 0.5) as gap_alert,
    count(*) filter (where order_count >= 2 and (p < 0.2 or (p is null and last_day <= date '2025-06-30'))) as gone,
    count(*) filter (where last_day <= date '2025-06-30') as inactive,
    count(*) filter (where order_count >= 2 and is_back) as reactivated,
    count(*) filter (where average_basket > basket) as basket_above_mean,
    count(*) filter (where average_basket < basket) as basket_below_mean,
    count(*) filter (where average_basket > median_basket) as basket_above_median,
    count(*) filter (where average_basket < median_basket) as basket_below_median,
    count(*) filter (where abc = 'A') as big,
    count(*) filter (where abc = 'C') as small,
    count(*) filter (where abc = 'C' and scored.potential >= whole.potential) as small_with_potential,
    count(*) filter (where r = 5 and f = 1) as rfm_new,
    count(*) filter (where r = 4 and f = 1) as rfm_promising,
    count(*) filter (where r >= 4 and f in (2, 3)) as rfm_potential_loyalist,
    count(*) filter (where r = 5 and f >= 4) as rfm_champions,
    count(*) filter (where r in (3, 4) and f >= 4) as rfm_loyal,
    count(*) filter (where r = 3 and f = 3) as rfm_need_attention,
    count(*) filter (where r = 3 and f <= 2) as rfm_about_to_sleep,
    count(*) filter (where r <= 2 and f = 5) as rfm_cant_lose,
    count(*) filter (where r <= 2 and f in (3, 4)) as rfm_at_risk,
    count(*) filter (where r = 1 and f = 1) as rfm_lost,
    count(*) filter (where r <= 2 and f <= 2 and not (r = 1 and f = 1)) as rfm_hibernating,
    count(*) filter (where cart_at > coalesce(last_order_at, timestamptz '1900-01-01 00:00:00+00')) as abandoned_cart,
    count(*) filter (where order_count = 0) as prospects,
    count(*) filter (where order_count = 0 and has_asked) as asking_prospects,
    count(*) filter (where kind = 'company') as companies,
    count(*) filter (where month(birth_date) = 6) as birthday_this_month,
    count(*) filter (where last_action_at is null) as never_contacted
from scored
cross join whole
