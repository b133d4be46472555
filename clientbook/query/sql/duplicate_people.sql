-- One row per customer, with what two entries of one person have in common written in one form each.
-- Needs customers, identifiers, given_names (name, root: what a short form is short for) and the macros of duplicates.py.
with known as (
    select
        customer_id,
        list(distinct value) filter (where kind = 'email') as emails,
        list(distinct right(regexp_replace(value, '[^0-9]', '', 'g'), 9))
            filter (where kind = 'phone' and length(regexp_replace(value, '[^0-9]', '', 'g')) >= 8) as phones
    from identifiers
    where kind in ('email', 'phone')
    group by customer_id
),

worded as (
    select
        customers.customer_id,
        kind = 'company' as is_company,
        plain_words(given_name) as given_words,
        plain_words(family_name) as family_words,
        trim(regexp_replace(' ' || plain_words(legal_name) || ' ',
            ' (sarl|sas|sasu|sa|eurl|sci|ets|etablissements|ste|societe|ltd|gmbh|et|cie|the|le|la|les)( (sarl|sas|sasu|sa|et|cie))*( |$)', ' ', 'g')) as legal,
        coalesce(upper(replace(postal_code, ' ', '')), '') as postcode,
        plain_words(city) as town,
        street_words(street) as street,
        birth_date,
        birth_year,
        case
            when sex in ('female', 'male') then left(sex, 1)
            when lower(rtrim(civility, '.')) in ('mme', 'mlle', 'madame', 'mademoiselle', 'mrs', 'ms', 'miss') then 'f'
            when lower(rtrim(civility, '.')) in ('m', 'mr', 'monsieur') then 'm'
        end as sex,
        left(siren, 9) as siren,
        coalesce(emails, []) as emails,
        coalesce(phones, []) as phones
    from customers
    left join known using (customer_id)
),

split as (
    select
        *,
        case
            when given_words <> '' or not contains(family_words, ' ') then given_words
            else split_part(family_words, ' ', 1)
        end as given_all,
        case
            when given_words <> '' or not contains(family_words, ' ') then family_words
            else substr(family_words, strpos(family_words, ' ') + 1)
        end as family_all
    from worded
),

named as (
    select
        * exclude (given_words, family_words, given_all, family_all),
        trim(regexp_replace(given_all, '(^| )(fils|pere|junior|jr|senior|sr)$', '')) as given,
        trim(regexp_replace(family_all, '(^| )(fils|pere|junior|jr|senior|sr)$', '')) as family,
        case
            when regexp_matches(given_all || ' ' || family_all, ' (fils|junior|jr)( |$)') then 'younger'
            when regexp_matches(given_all || ' ' || family_all, ' (pere|senior|sr)( |$)') then 'elder'
        end as generation
    from split
)

select
    row_number() over (order by customer_id) as number,
    named.*,
    coalesce(given_names.root, given) as given_root,
    given_names.name is not null as is_known_given,
    array_to_string(list_sort(string_split(trim(given || ' ' || family), ' ')), ' ') as name_key,
    sound(given) as given_sound,
    sound(family) as family_sound,
    count(*) over (partition by given) as given_count,
    count(*) over (partition by family) as family_count,
    count(*) over (partition by postcode) as postcode_count
from named
left join given_names on named.given = given_names.name
