-- One row per customer of the book: the decision about this message, where it goes, and whether the address is any good.
-- sent_to: the form in which two addresses are the same. Phones: +33612345678; without a country's code they are French
-- where the customer lives in France or nowhere in particular. no_said: that the customer said no to this purpose, which the
-- decision does not ask of a company's general address.
with no_said as (
    select customer_id, max(state) as state
    from consents
    where is_current and state in ('refused', 'withdrawn') and channel = $channel and purpose = $purpose
    group by customer_id
),

granted as (
    select
        customer_id,
        max_by(consented_at, row(consented_at, position)) as consented_at,
        max_by(opt_in_level, row(consented_at, position)) as opt_in_level,
        max_by(proof_grade, row(consented_at, position)) as proof_grade
    from consents
    where is_current and state = 'granted' and channel = $channel and purpose = $purpose
    group by customer_id
),

digits as (
    select
        customer_id,
        regexp_replace(replace(trim(phone), '(0)', ''), '[^0-9+]', '', 'g') as dialled
    from customers
    where phone is not null
),

phones as (
    select
        digits.customer_id,
        case
            when regexp_matches(dialled, '^\+[1-9][0-9]{7,14}$') then dialled
            when regexp_matches(dialled, '^00[1-9][0-9]{7,14}$') then '+' || dialled[3:]
            when regexp_matches(dialled, '^0[1-9][0-9]{8}$') and coalesce(customers.country, 'FR') = 'FR'
                then '+33' || dialled[2:]
        end as number
    from digits
    inner join customers using (customer_id)
),

placed as (
    select
        customers.customer_id,
        nullif(trim(customers.email), '') as email,
        coalesce(phones.number, nullif(trim(customers.phone), '')) as phone,
        phones.number,
        customers.name,
        customers.street,
        customers.city
    from customers
    left join phones using (customer_id)
),

addressed as (
    select
        customer_id,
        email,
        phone,
        case
            when $channel in ('email', 'ad_audience') then lower(email)
            when $channel in ('sms', 'phone', 'auto_call') then phone
            when $channel = 'post'
                then case when street is not null and city is not null then strip_accents(lower(concat_ws('|', name, street, city))) end
            else customer_id
        end as sent_to,
        case
            when $channel in ('email', 'ad_audience') then
                length(email) <= 254
                and regexp_matches(email, '^[^\s@,;:<>()\[\]"\\[:cntrl:]]{1,64}@[^\s@,;:<>()\[\]"\\[:cntrl:]]+\.[^\s@.,;:<>()\[\]"\\[:cntrl:]]{2,}$')
                and not regexp_matches(email, '\.[0-9]+$')
                and not contains(email, '..')
                and not starts_with(email, '.')
            when $channel = 'sms' then number is not null and not regexp_matches(number, '^\+33[1-589]')
            when $channel in ('phone', 'auto_call') then number is not null
            else true
        end as is_sound
    from placed
),

answers as (
    select
        permissions.*,
        case
            when permissions.reason_code = 'OK_GENERIC_PRO' and no_said.state is not null then 'CONSENT_' || upper(no_said.state)
            else permissions.reason_code
        end as answer
    from permissions
    left join no_said using (customer_id)
    where permissions.channel = $channel and permissions.purpose = $purpose
)

select
    answers.customer_id,
    answers.decision = 'allow' and answer = answers.reason_code as is_allowed,
    answer as reason_code,
    answers.legal_basis,
    answers.warnings,
    answers.evidence,
    answers.collected_via = 'bought' as is_bought,
    granted.consented_at,
    granted.opt_in_level,
    granted.proof_grade,
    addressed.email,
    addressed.phone,
    addressed.sent_to,
    coalesce(addressed.is_sound, false) as is_sound,
    coalesce(bool_or(
        regexp_matches(answer, '^(OBJECTED_|SUPPRESSED_|CONSENT_WITHDRAWN|CONSENT_REFUSED)')
    ) over (partition by addressed.sent_to), false) and addressed.sent_to is not null as is_refused_here
from answers
inner join addressed using (customer_id)
left join granted using (customer_id)
