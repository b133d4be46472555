-- One row per campaign of which a message was sent since a day, and one without a name for all of them: how many customers it
-- reached, how many of these followed a link, and how many ordered within so many days.
with sent as (
    select customer_id, campaign, min(occurred_at) as sent_at
    from interactions
    cross join book
    where type = 'message_sent' and campaign is not null
        and occurred_at >= timezone(book.timezone, cast(cast($since as date) + 1 as timestamp))
    group by customer_id, campaign
),

clicked as (
    select distinct customer_id, campaign
    from interactions
    where type = 'message_clicked' and campaign is not null
),

bought as (
    select distinct sent.customer_id, sent.campaign
    from sent
    inner join orders
        on sent.customer_id = orders.customer_id
        and orders.status <> 'cancelled'
        and orders.placed_at >= sent.sent_at
        and orders.placed_at < sent.sent_at + to_days(cast($days as integer))
),

answered as (
    select
        sent.customer_id,
        sent.campaign,
        sent.sent_at,
        clicked.customer_id is not null as has_clicked,
        bought.customer_id is not null as has_bought
    from sent
    left join clicked on sent.customer_id = clicked.customer_id and sent.campaign = clicked.campaign
    left join bought on sent.customer_id = bought.customer_id and sent.campaign = bought.campaign
)

select
    campaign,
    min(sent_at) as sent_at,
    count(*) as reached,
    count(*) filter (where has_clicked) as clicked,
    count(*) filter (where has_bought) as bought
from answered
group by campaign
union all
select null, null, count(*), count(*) filter (where has_clicked), count(*) filter (where has_bought)
from (
    select customer_id, bool_or(has_clicked) as has_clicked, bool_or(has_bought) as has_bought
    from answered
    group by customer_id
)
