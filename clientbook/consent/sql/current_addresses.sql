-- One row per customer and channel that has addresses: the one the customer has, in the form in which two are the same.
-- Post, push and audiences go by person, not by address.
select customer_id, 'email' as channel, lower(trim(email)) as address from customers where email is not null
union all
select customer_id, channels.channel, nullif(right(regexp_replace(phone, '[^0-9]', '', 'g'), 9), '') as address
from customers
cross join (select unnest(['sms', 'phone', 'auto_call']) as channel) as channels
where phone is not null
