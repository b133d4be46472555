-- One row per pair of `pairs` of one kind: for each field how the two entries agree, NULL where one of them says nothing.
with facing as (
    select pairs.a, pairs.b, x, y
    from pairs
    inner join people as x on pairs.a = x.number
    inner join people as y on pairs.b = y.number
    where x.is_company = y.is_company
),

judged as (
    select
        a, b, x, y,
        x.given <> '' and x.family <> '' and y.given <> '' and y.family <> ''
            and (x.name_key = y.name_key or x.given_sound = y.family_sound and x.family_sound = y.given_sound)
            and x.given <> y.given and x.family <> y.family as is_swapped
    from facing
)

select
    a, b,
    x.customer_id as a_id,
    y.customer_id as b_id,
    case
        when len(x.emails) = 0 or len(y.emails) = 0 then null
        when list_has_any(x.emails, y.emails) then 'same'
        when local_part(x.emails[1]) = local_part(y.emails[1]) and length(local_part(x.emails[1])) >= 6 then 'local'
        when length(x.emails[1]) >= 10 and is_near(x.emails[1], y.emails[1])
            and regexp_replace(x.emails[1], '[^0-9]', '', 'g') = regexp_replace(y.emails[1], '[^0-9]', '', 'g') then 'near'
        else 'other'
    end as email,
    case
        when len(x.phones) = 0 or len(y.phones) = 0 then null
        when list_has_any(list_filter(x.phones, lambda p: left(p, 1) in ('6', '7')), y.phones) then 'mobile'
        when list_has_any(x.phones, y.phones) then 'landline'
        else 'other'
    end as phone,
    case
        when x.is_company or x.given = '' or y.given = '' then null
        when x.given = y.given or is_swapped then 'same'
        when x.given_root = y.given_root then 'nickname'
        when x.is_known_given and y.is_known_given then 'other'
        when least(length(x.given), length(y.given)) = 1 and left(x.given, 1) = left(y.given, 1) then 'initial'
        when starts_with(x.given || ' ', y.given || ' ') or starts_with(y.given || ' ', x.given || ' ') then 'part'
        -- Names that are both common are two names, however near: Louis and Louise, Marie and Maria. A slip makes a rare one.
        when is_near(x.given, y.given) and least(x.given_count, y.given_count) <= greatest(2, $people / 20000)
            and (right(x.given, 1) = right(y.given, 1) or x.given_sound = y.given_sound and x.sex is not distinct from y.sex)
            then 'near'
        else 'other'
    end as given,
    case
        when x.is_company or x.family = '' or y.family = '' then null
        when x.family = y.family or is_swapped then 'same'
        when is_near(x.family, y.family) or x.family_sound = y.family_sound and length(x.family_sound) >= 3 then 'near'
        when starts_with(x.family || ' ', y.family || ' ') or starts_with(y.family || ' ', x.family || ' ')
            or ends_with(' ' || x.family, ' ' || y.family) or ends_with(' ' || y.family, ' ' || x.family) then 'part'
        else 'other'
    end as family,
    coalesce(is_swapped, false) as is_swapped,
    case
        when x.birth_date is null or y.birth_date is null then
            case when x.birth_year <> y.birth_year then 'other' when x.birth_year = y.birth_year then 'year' end
        when x.birth_date = y.birth_date then 'same'
        when year(x.birth_date) = year(y.birth_date) and month(x.birth_date) = day(y.birth_date) and day(x.birth_date) = month(y.birth_date)
            or hamming(strftime(x.birth_date, '%Y%m%d'), strftime(y.birth_date, '%Y%m%d')) = 1 then 'near'
        else 'other'
    end as birth,
    case when x.sex is null or y.sex is null then null when x.sex = y.sex then 'same' else 'other' end as sex,
    case when x.generation is distinct from y.generation and coalesce(x.generation, y.generation) is not null then 'other' end as generation,
    case
        when x.postcode = '' or y.postcode = '' then null
        when x.postcode = y.postcode then 'same'
        when is_near(x.postcode, y.postcode) and x.town = y.town then 'near'
        when x.town = y.town and x.town <> '' then 'town'
        else 'other'
    end as postcode,
    case
        when x.street = '' or y.street = '' then null
        when x.street = y.street then 'same'
        when split_part(x.street, ' ', 1) = split_part(y.street, ' ', 1) and jaro_winkler_similarity(x.street, y.street) >= 0.9 then 'near'
        else 'other'
    end as street,
    case
        when not x.is_company or x.legal = '' or y.legal = '' then null
        when x.legal = y.legal then 'same'
        when is_near(x.legal, y.legal) or sound(x.legal) = sound(y.legal) then 'near'
        else 'other'
    end as legal,
    case when x.siren is null or y.siren is null then null when x.siren = y.siren then 'same' else 'other' end as siren,
    greatest(x.given_count, y.given_count) as given_count,
    greatest(x.family_count, y.family_count) as family_count,
    greatest(x.postcode_count, y.postcode_count) as postcode_count
from judged
