-- One row per channel: customers whom it reaches, and how many of them agreed to something on it.
with agreed as (
    select distinct customer_id, channel
    from consents
    where state = 'granted' and is_current
),

channels as (
    select unnest(['email', 'sms', 'phone', 'post']) as channel
),

reached as (
    select
        customers.customer_id,
        channels.channel
    from customers
    cross join channels
    where case channels.channel
        when 'email' then customers.email is not null
        when 'post' then coalesce(customers.street, customers.postal_code) is not null
        else customers.phone is not null
    end
)

select reached.channel, count(*) as reached, count(agreed.customer_id) as agreed
from reached
left join agreed on reached.customer_id = agreed.customer_id and reached.channel = agreed.channel
group by reached.channel
order by reached.channel
