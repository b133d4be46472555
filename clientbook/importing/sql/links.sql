-- One row per identifier that the batch names and the book does not have yet for its customer.
with stated as (
    select ref, source, 'external' as kind, external as value, first_at, 'strong' as strength
    from refs
    where external is not null
    union all
    select ref, source, 'email', email, first_at, 'strong'
    from refs
    where email is not null
    union all
    -- A phone number alone has to do; beside anything better it only suggests, and the profile keeps it. What is no number
    -- that can exist (it is not in E.164) never decides.
    select ref, source, 'phone', phone, first_at, case when starts_with(phone, '+') then 'strong' else 'weak' end
    from refs
    where phone is not null and external is null and email is null
)

select
    owners.customer_id,
    min_by(stated.source, stated.first_at) as source,
    stated.kind,
    stated.value,
    stated.strength,
    min(stated.first_at) as occurred_at
from stated
inner join owners using (ref)
left join identifiers
    on owners.customer_id = identifiers.customer_id
    and stated.kind = identifiers.kind
    and stated.value = identifiers.value
    and (stated.kind <> 'external' or stated.source = identifiers.source)
    and (identifiers.strength = 'strong' or stated.strength = 'weak')
where owners.customer_id is not null and identifiers.customer_id is null
group by
    owners.customer_id, stated.kind, stated.value, stated.strength,
    case when stated.kind = 'external' then stated.source end
order by owners.customer_id, stated.kind, stated.value
