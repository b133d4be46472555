-- One row per way the source names a customer (`refs`): whose it is. key: the same for all ways that name one customer.
-- customer_id: the customer the book knows under it, NULL for a new one. clash: why a strong identifier was not followed.
-- What comes first is what happened first, so that the order of a file's lines does not matter.
-- The source's own number decides before the e-mail address; a phone number decides only where there is nothing else.
with numbers as (
    select
        source, external,
        min_by(email, row(first_at, email)) filter (where email is not null) as main_email,
        min(first_at) as first_at
    from refs
    where external is not null
    group by source, external
),

claims as (
    select *, row_number() over (partition by source, main_email order by first_at, external) = 1 as is_first
    from numbers
),

number_keys as (
    select
        source, external, main_email, first_at,
        case when main_email is not null and is_first then 'email ' || main_email else 'number ' || source || ' ' || external end as key
    from claims
),

email_keys as (
    select email, min_by(key, rank) as key
    from (
        select main_email as email, key, row(0, first_at, key) as rank from number_keys where main_email is not null and starts_with(key, 'email ')
        union all
        select refs.email, number_keys.key, row(1, refs.first_at, number_keys.key)
        from refs inner join number_keys using (source, external)
        where refs.email is not null
        union all
        select email, 'email ' || email, row(2, first_at, 'email ' || email) from refs where external is null and email is not null
    )
    group by email
),

keyed as (
    select
        refs.*,
        case
            when refs.given_id is not null then 'id ' || refs.given_id
            when refs.external is not null then number_keys.key
            when refs.email is not null then email_keys.key
            else 'phone ' || refs.phone
        end as key
    from refs
    left join number_keys on refs.source = number_keys.source and refs.external = number_keys.external
    left join email_keys on refs.email = email_keys.email
),

known_numbers as (
    select source, value, min_by(customer_id, position) as customer_id
    from identifiers
    where kind = 'external' and strength = 'strong'
    group by source, value
),

known_emails as (
    select value, min_by(customer_id, position) as customer_id
    from identifiers
    where kind = 'email' and strength = 'strong'
    group by value
),

-- A number that was written down before numbers were read as E.164 is known by its last nine digits.
known_phones as (
    select
        case when starts_with(value, '+') then value else right(regexp_replace(value, '[^0-9]', '', 'g'), 9) end as value,
        min_by(customer_id, position) as customer_id
    from identifiers
    where kind = 'phone' and strength = 'strong'
    group by 1
),

has_number as (
    select distinct customer_id, source
    from identifiers
    where kind = 'external' and strength = 'strong'
),

matched as (
    select
        keyed.*,
        -- An id stands for itself, also while it is merged into another: after an unmerge its events are its own again.
        keyed.given_id as by_id,
        known_numbers.customer_id as by_number,
        -- An address whose owner has another number at this source belongs to somebody else, or the number is wrong.
        case
            when keyed.external is null or starts_with(keyed.key, 'email ') and has_number.customer_id is null
                then known_emails.customer_id
        end as by_email,
        coalesce(known_phones.customer_id, written_phones.customer_id) as by_phone,
        case
            when known_numbers.customer_id <> known_emails.customer_id then 'the e-mail address belongs to another customer'
            when keyed.external is not null and known_numbers.customer_id is null and known_emails.customer_id is not null
                and (has_number.customer_id is not null or not starts_with(keyed.key, 'email '))
                then 'the e-mail address belongs to a customer with another number'
        end as clash
    from keyed
    left join known_numbers on keyed.source = known_numbers.source and keyed.external = known_numbers.value
    left join known_emails on keyed.email = known_emails.value
    left join known_phones on keyed.phone = known_phones.value and keyed.external is null and keyed.email is null
    left join known_phones as written_phones
        on starts_with(keyed.phone, '+') and right(keyed.phone, 9) = written_phones.value
        and keyed.external is null and keyed.email is null
    left join has_number on known_emails.customer_id = has_number.customer_id and keyed.source = has_number.source
),

decided as (
    select
        key,
        coalesce(
            min(by_id),
            min_by(by_number, row(first_at, by_number)),
            min_by(by_email, row(first_at, by_email)),
            min_by(by_phone, row(first_at, by_phone))
        ) as customer_id
    from matched
    group by key
)

select matched.ref, matched.key, decided.customer_id, matched.clash
from matched
inner join decided using (key)
