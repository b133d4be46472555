-- One row per two entries that have a blocking key in common. a is the one with the smaller number. Entries are compared
-- only within a block, and blocks of more than $block_limit entries are left out: what so many share tells nobody apart.
with keyed as (
    select number, hash('email', unnest(emails)) as key from people
    union all
    select number, hash('phone', unnest(phones)) from people
    union all
    select number, hash('local', local_part(email))
    from (select number, unnest(emails) as email from people)
    where length(local_part(email)) >= 6
    union all
    select number, hash('siren', siren) from people where siren is not null
    union all
    select number, hash('firm', sound(legal), postcode) from people where is_company and legal <> ''
    union all
    select number, hash('firm', sound(legal), left(postcode, 2), street) from people where is_company and legal <> '' and street <> ''
    union all
    select number, hash('name', name_key, postcode) from people where contains(name_key, ' ') and postcode <> ''
    union all
    select number, hash('town', name_key, town) from people where contains(name_key, ' ') and town <> ''
    union all
    select number, hash('street', name_key, street) from people where contains(name_key, ' ') and street <> ''
    union all
    -- One of both names by its sound and the other by its initial, and which is which does not matter: they may be swapped.
    select
        number,
        hash('sound', unnest(list_distinct([family_sound || ' ' || left(given_root, 1), given_sound || ' ' || left(family, 1)])), postcode)
    from people
    where family_sound <> '' and given_sound <> '' and postcode <> ''
    union all
    select number, hash('house', family_sound, street, postcode) from people where family_sound <> '' and street <> ''
    union all
    select number, hash('born', unnest(list_distinct([family_sound, given_sound])), birth_date)
    from people
    where birth_date is not null
    union all
    select number, hash('street born', street, birth_date) from people where birth_date is not null and street <> ''
),

blocks as (
    select key
    from keyed
    group by key
    having count(distinct number) between 2 and $block_limit
),

listed as (
    select distinct key, number from keyed where key in (select key from blocks)
)

select distinct a.number as a, b.number as b
from listed as a
inner join listed as b on a.key = b.key and a.number < b.number
