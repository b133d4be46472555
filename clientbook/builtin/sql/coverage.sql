-- One row per channel, and one without a name for any of them: customers, and how many may be written to for at least one of
-- the purposes that the shop uses; the same of those who ordered since a day.
with allowed as (
    select customer_id, channel
    from permissions
    where decision = 'allow'
    group by customer_id, channel
),

everyone as (
    select
        customers.customer_id,
        coalesce(cast(timezone(book.timezone, customers.last_order_at) as date) > $since, false) as is_active
    from customers
    cross join book
),

channels as (
    select distinct channel from permissions
)

select
    channels.channel,
    count(*) as customers,
    count(allowed.customer_id) as allowed,
    count(*) filter (where everyone.is_active) as active,
    count(allowed.customer_id) filter (where everyone.is_active) as active_allowed
from everyone
cross join channels
left join allowed on everyone.customer_id = allowed.customer_id and channels.channel = allowed.channel
group by channels.channel
union all
select
    null,
    count(*),
    count(anywhere.customer_id),
    count(*) filter (where everyone.is_active),
    count(anywhere.customer_id) filter (where everyone.is_active)
from everyone
left join (select distinct customer_id from allowed) as anywhere on everyone.customer_id = anywhere.customer_id
