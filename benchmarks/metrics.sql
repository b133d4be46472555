-- The built-in figures by one statement, as somebody would write it by hand for a book of which every row counts: no
-- intervals, no notes, nothing that can be set. One row per figure and part.
with
facts as (select date '2026-06-30' as today, date '2025-06-30' as y1, date '2024-06-30' as y2, date '2023-06-30' as y3),
kept as (select orders.*, facts.* from orders cross join facts where status <> 'cancelled' and order_date <= today),
moves as (
    select customer_id, is_guest, order_date as day, true as is_order, revenue as net, gross from kept where currency = 'EUR'
    union all
    select customer_id, customer_id is null, cast(timezone('Europe/Paris', counted_at) as date), false, -amount, 0
    from refunds where not is_linked and currency = 'EUR'
),
customer as (
    select
        customer_id, min(day) filter (where is_order) as first_day, max(day) filter (where is_order) as last_day,
        count(*) filter (where is_order) as orders, count(*) filter (where is_order and day > y1) as orders_year,
        sum(net) as net, sum(net) filter (where day > y1) as net1, sum(net) filter (where day > y2 and day <= y1) as net2,
        sum(net) filter (where day > y3 and day <= y2) as net3
    from moves cross join facts where customer_id is not null group by customer_id
),
total as (
    select
        sum(net) filter (where day > y1) as net1, sum(net) filter (where day > y2 and day <= y1) as net2,
        sum(net) filter (where day > y3 and day <= y2) as net3, sum(gross) filter (where day > y1) as gross1,
        count(*) filter (where is_order and day > y1) as orders1,
        count(*) filter (where is_order and day > y1 and is_guest) as guests1,
        sum(net) filter (where day > y1 and is_guest) as guest_net1
    from moves cross join facts
),
days as (select distinct customer_id, order_date from kept where customer_id is not null),
gaps as materialized (
    select
        customer_id, order_date, row_number() over w as k, lead(order_date) over w as next_date,
        date_diff('day', order_date, coalesce(lead(order_date) over w, date '2026-06-30')) as gap
    from days window w as (partition by customer_id order by order_date)
),
counted as materialized (
    select k, gap, count(*) as n, count(next_date) as closed from gaps group by k, gap
),
curves as (
    select
        stratum, gap, exp(sum(ln(greatest(1 - closed / at_risk, 1e-300))) over (partition by stratum order by gap)) as s
    from (
        select stratum, gap, sum(closed) as closed, sum(sum(n)) over (partition by stratum order by gap desc) as at_risk
        from (
            select 'k' || k as stratum, * from counted where k <= 50
            union all select 'all', * from counted
            union all select 's' || case when k >= 10 then 5 when k >= 5 then 4 when k >= 3 then 3 else k end, * from counted
        ) group by stratum, gap
    )
),
rates as (
    select cast(substr(stratum, 2) as integer) as k, 1 - arg_max(s, gap) as r
    from curves where stratum like 'k%' and gap <= 365 group by 1
),
reach as (select k, product(r) over (order by k) as p from rates),
later as (
    select a.stratum, a.gap, 1 - arg_max(b.s, b.gap) / any_value(a.s) as p
    from curves as a inner join curves as b on a.stratum = b.stratum and b.gap <= a.gap + 365 where a.stratum like 's%'
    group by 1, 2
),
chance as (
    select g.customer_id, later.p
    from gaps as g inner join later
        on later.stratum = 's' || case when k >= 10 then 5 when k >= 5 then 4 when k >= 3 then 3 else k end and later.gap = g.gap
    where g.next_date is null
),
tenure as (
    select
        chance.p < 0.2 as gone, date_diff('day', first_day, case when chance.p < 0.2 then last_day else today end) as lasted
    from customer inner join chance using (customer_id) cross join facts
),
lives as (
    select lasted, exp(sum(ln(greatest(1 - gone / at_risk, 1e-300))) over (order by lasted)) as s
    from (
        select lasted, count_if(gone) as gone, sum(count(*)) over (order by lasted desc) as at_risk from tenure group by lasted
    )
),
ranked as (
    select
        net1, row_number() over (order by net1 desc) as place, count(*) over () as people,
        sum(greatest(net1, 0)) over (order by net1 desc rows unbounded preceding) as cumulated,
        sum(greatest(net1, 0)) over () as everything
    from customer where net1 is not null
),
monthly as (select distinct customer_id, date_trunc('month', order_date) as m from days),
cohorts as (
    select c, date_diff('month', c, m) as age, count(*) as n
    from (select *, min(m) over (partition by customer_id) as c from monthly) group by 1, 2
),
sent as (
    select customer_id, campaign, min(occurred_at) as sent_at from interactions
    where type = 'message_sent' and campaign is not null and occurred_at > timestamptz '2025-06-30 22:00+00' group by 1, 2
),
clicked as (select distinct customer_id, campaign from interactions where type = 'message_clicked'),
bought as (
    select distinct sent.customer_id, sent.campaign from sent inner join kept on sent.customer_id = kept.customer_id
    and placed_at >= sent_at and placed_at < sent_at + interval 14 days
),
shopped as (
    select customer_id, count(distinct sku) as skus, count(distinct category) as categories
    from order_lines where kind = 'product' and quantity > 0 and placed_at > timestamptz '2025-06-30 22:00+00'
    and customer_id is not null and not exists (
        select 1 from orders where status = 'cancelled' and orders.source = order_lines.source
        and orders.order_id = order_lines.order_id
    ) group by customer_id
),
stated as (
    select customer_id, {stated} from events where type = 'profile_updated' group by customer_id
)
select 'revenue', null, cast(net1 as double) from total
union all select 'refunds', null, 1 - net1 / gross1 from total
union all select 'guests', null, guests1 / orders1 from total
union all select 'guest revenue', null, guest_net1 / net1 from total
union all select 'retention', null, sum(net1) / sum(net2) from customer where net2 is not null
union all select 'known', null, sum(c.net1) / any_value(total.net2)
    from customer as c cross join total cross join facts where first_day <= y1
union all select 'backtest', null, sum(c.net2) / any_value(total.net3)
    from customer as c cross join total cross join facts where first_day <= y2
union all select 'frequency', null, sum(orders_year) / count(*) from customer where orders_year > 0
union all select 'per year', null, sum(orders) / sum(greatest(date_diff('day', first_day, today), 30) / 365.25)
    from customer cross join facts
union all select 'spent', 'mean', avg(net) from customer
union all select 'spent', 'median', median(net) from customer
union all select 'new', null, count_if(first_day > y1) / count(*) from customer cross join facts where orders_year > 0
union all select 'new revenue', null, sum(net1) filter (where first_day > y1) / sum(net1)
    from customer cross join facts where orders_year > 0
union all select 'basket', 'mean', avg(revenue) from kept where order_date > y1
union all select 'basket', 'quantiles', unnest(quantile_cont(cast(revenue as double), [0.5, 0.99]))
    from kept where order_date > y1
union all select 'one', null, count_if(order_count = 1) / count_if(order_count >= 1) from customers
union all select 'repeat', null, count_if(order_count >= 2) / count_if(order_count >= 1) from customers
union all select 'inactive', null,
    count_if(cast(timezone('Europe/Paris', last_order_at) as date) <= date '2025-06-30') / count_if(order_count >= 1)
    from customers
union all select 'rate', cast(k as varchar), r from rates
union all select 'orders', 'mean', 1 + sum(p) from reach
union all select 'orders', 'median', min(k) from reach where p < 0.5
union all select 'gap', 'median', min(gap) from curves where stratum = 'all' and s <= 0.5
union all select 'silence', null, arg_max(s, gap) from curves where stratum = 'all' and gap <= 365
union all select 'standing', case when p < 0.2 then 'ex' when p < 0.5 then 'risk' else 'active' end, count(*) from chance
    group by 2
union all select 'life', 'median', min(lasted) from lives where s <= 0.5
union all select 'abc', case when net1 <= 0 then 'D' when cumulated - net1 < 0.8 * everything then 'A'
    when cumulated - net1 < 0.95 * everything then 'B' else 'C' end, count(*) / any_value(people) from ranked group by 2
union all select 'top', null, max(cumulated) filter (where place <= 0.2 * people) / any_value(everything) from ranked
union all select 'gini', null, sum((2 * (people - place + 1) - people - 1) * greatest(cast(net1 as double), 0))
    / (any_value(people) * any_value(cast(everything as double))) from ranked
union all select 'cohort', c || ' ' || age, n from cohorts
union all select 'channel', channel, count(*) from kept where order_date > y1 group by channel
union all select 'store', store, count(*) from kept where order_date > y1 group by store
union all select 'collection', collection, count(*) from kept where order_date > y1 group by collection
union all select 'products', null, avg(skus) from shopped
union all select 'categories', null, avg(categories) from shopped
union all select 'clicks', sent.campaign, count(clicked.customer_id) / count(*)
    from sent left join clicked on sent.customer_id = clicked.customer_id and sent.campaign = clicked.campaign group by 2
union all select 'bought', sent.campaign, count(bought.customer_id) / count(*)
    from sent left join bought on sent.customer_id = bought.customer_id and sent.campaign = bought.campaign group by 2
union all select 'vouchers', null, count(distinct reference) filter (where type = 'voucher_redeemed')
    / count(distinct reference) filter (where type = 'voucher_issued') from interactions where type like 'voucher%'
union all select 'filled', name, share from (unpivot (select {filled} from customers) on * into name name value share)
union all select 'fresh', name, days from (unpivot (select {fresh} from stated) on * into name name value days)
union all select 'last', 'event', date_diff('day', max(last_event_at), timestamptz '2026-06-30 21:59:59+00') from customers
union all select 'last', 'order', date_diff('day', max(placed_at), timestamptz '2026-06-30 21:59:59+00') from kept
