-- One row per customer: who it is, and what its orders add up to in the book's currency.
-- A field of the profile is the one set last; a field that was emptied later is NULL. What the entry that others were
-- merged into says of itself goes before what they say. An address without street and postcode does not hide a fuller one
-- of the same town. A whole name, as a file of orders has it, that says the same as the parts stated last is those parts; one
-- that is the company's name is none. Of custom fields each is the one set last; an empty text empties it.
with base as (
    select
        customer_id,
        min(case when type = 'customer_registered' then occurred_at end) as registered_at,
        min_by(customer_registered, row(occurred_at, position)) as registration,
        min_by(source, row(occurred_at, position)) as source,
        count(*) as event_count,
        min(occurred_at) as first_event_at,
        max(occurred_at) as last_event_at,
        max_by(type = 'account_opened', row(occurred_at, position))
            filter (where type in ('account_opened', 'account_closed')) as has_account,
        count(*) filter (where type = 'note_added') as note_count,
        count(*) filter (where type = 'message_sent') as message_count,
        count(*) filter (where type = 'cart_abandoned') as cart_count,
        count(*) filter (where type = 'quote_requested') as quote_count,
        max(occurred_at) filter (
            where type in ('message_sent', 'call_made', 'meeting_held', 'visit_made', 'social_interaction', 'voucher_issued')
        ) as last_action_at,
        max(occurred_at) filter (
            where type in (
                'order_placed', 'cart_abandoned', 'quote_requested', 'sample_requested', 'survey_answered',
                'contest_entered', 'review_posted', 'message_clicked', 'store_visited', 'site_visited', 'voucher_redeemed'
            )
        ) as last_reaction_at
    from events
    where customer_id is not null
    group by customer_id
),

changes as (
    select customer_id, row(recorded_customer_id = customer_id, occurred_at, position) as moment, profile_updated as profile, coalesce(profile_updated.cleared, []) as cleared
    from events
    where profile_updated is not null
),

profiles as (
    select
        customer_id,
        max_by(struct_pack(v := profile.civility), moment) filter (where profile.civility is not null or list_contains(cleared, 'civility')) as civility,
        max_by(struct_pack(v := profile.given_name), moment) filter (where profile.given_name is not null or list_contains(cleared, 'given_name')) as given_name,
        max_by(struct_pack(v := profile.family_name), moment) filter (where profile.family_name is not null or list_contains(cleared, 'family_name')) as family_name,
        max_by(struct_pack(given := profile.given_name, family := profile.family_name), moment) filter (where profile.given_name is not null and profile.family_name is not null) as parts,
        max_by(struct_pack(v := profile.legal_name), moment) filter (where profile.legal_name is not null or list_contains(cleared, 'legal_name')) as legal_name,
        max_by(struct_pack(v := profile.sex), moment) filter (where profile.sex is not null or list_contains(cleared, 'sex')) as sex,
        max_by(struct_pack(v := profile.birth_date), moment) filter (where profile.birth_date is not null or list_contains(cleared, 'birth_date')) as birth_date,
        max_by(struct_pack(v := profile.birth_year), moment) filter (where profile.birth_year is not null or list_contains(cleared, 'birth_year')) as birth_year,
        max_by(struct_pack(v := profile.email), moment) filter (where profile.email is not null or list_contains(cleared, 'email')) as email,
        max_by(struct_pack(v := profile.mobile), moment) filter (where profile.mobile is not null or list_contains(cleared, 'mobile')) as mobile,
        max_by(struct_pack(v := profile.landline), moment) filter (where profile.landline is not null or list_contains(cleared, 'landline')) as landline,
        max_by(struct_pack(v := profile.address), moment) filter (where profile.address is not null or list_contains(cleared, 'address')) as last_address,
        max_by(profile.address, moment) filter (where coalesce(profile.address.lines[1], profile.address.postal_code) is not null) as full_address,
        max_by(struct_pack(v := profile.language), moment) filter (where profile.language is not null or list_contains(cleared, 'language')) as language,
        max_by(struct_pack(v := profile.occupation), moment) filter (where profile.occupation is not null or list_contains(cleared, 'occupation')) as occupation,
        max_by(struct_pack(v := profile.interests), moment) filter (where profile.interests is not null or list_contains(cleared, 'interests')) as interests,
        max_by(struct_pack(v := profile.marital_status), moment) filter (where profile.marital_status is not null or list_contains(cleared, 'marital_status')) as marital_status,
        max_by(struct_pack(v := profile.children), moment) filter (where profile.children is not null or list_contains(cleared, 'children')) as children,
        max_by(struct_pack(v := profile.sector), moment) filter (where profile.sector is not null or list_contains(cleared, 'sector')) as sector,
        max_by(struct_pack(v := profile.headcount), moment) filter (where profile.headcount is not null or list_contains(cleared, 'headcount')) as headcount,
        max_by(struct_pack(v := profile.trade), moment) filter (where profile.trade is not null or list_contains(cleared, 'trade')) as trade,
        max_by(struct_pack(v := profile.chain_position), moment) filter (where profile.chain_position is not null or list_contains(cleared, 'chain_position')) as chain_position,
        max_by(struct_pack(v := profile.siren), moment) filter (where profile.siren is not null or list_contains(cleared, 'siren')) as siren,
        max_by(struct_pack(v := profile.vat_id), moment) filter (where profile.vat_id is not null or list_contains(cleared, 'vat_id')) as vat_id,
        max_by(struct_pack(v := profile.company_id), moment) filter (where profile.company_id is not null or list_contains(cleared, 'company_id')) as company_id
    from changes
    group by customer_id
),

attribute_values as (
    select customer_id, entry.key as name, max_by(entry.value, moment) as value
    from (
        select customer_id, moment, unnest(map_entries(profile.attributes)) as entry
        from changes
        where profile.attributes is not null
    ) as stated
    group by customer_id, entry.key
),

attributes as (
    select customer_id, map_from_entries(list(struct_pack(k := name, v := value) order by name)) as attributes
    from attribute_values
    where value <> ''
    group by customer_id
),

names as (
    select
        customer_id,
        case when is_whole then parts.given else given_name.v end as given_name,
        case
            when is_whole then parts.family
            when given_name.v is not null or family_name.v is distinct from legal_name.v then family_name.v
        end as family_name
    from (
        select
            *,
            given_name.v is null
            and strip_accents(lower(family_name.v)) in (
                strip_accents(lower(parts.given || ' ' || parts.family)), strip_accents(lower(parts.family || ' ' || parts.given))
            ) as is_whole
        from profiles
    ) as stated
),

addresses as (
    select
        customer_id,
        case
            when full_address is null or coalesce(last_address.v.lines[1], last_address.v.postal_code) is not null
                then last_address.v
            when last_address is not null and last_address.v is null then null
            when coalesce(strip_accents(lower(last_address.v.city)), strip_accents(lower(full_address.city)), '')
                = coalesce(strip_accents(lower(full_address.city)), '')
                then full_address
            else last_address.v
        end as address
    from profiles
),

tag_acts as (
    select
        customer_id,
        coalesce(tag_added.tag, tag_removed.tag) as tag,
        max_by(type, row(occurred_at, position)) as last_act
    from events
    where tag_added is not null or tag_removed is not null
    group by 1, 2
),

tags as (
    select customer_id, list(tag order by tag) as tags
    from tag_acts
    where last_act = 'tag_added'
    group by customer_id
),

known as (
    select
        customer_id,
        min_by(value, row(linked_at, position)) filter (where kind = 'external') as external_id,
        min_by(value, row(linked_at, position)) filter (where kind = 'email') as email,
        min_by(value, row(linked_at, position)) filter (where kind = 'phone') as phone
    from identifiers
    group by customer_id
),

bought as (
    select
        customer_id,
        count(*) as order_count,
        min(placed_at) as first_order_at,
        max(placed_at) as last_order_at,
        sum(gross) filter (where orders.currency = book.currency) as gross,
        sum(gross - revenue) filter (where orders.currency = book.currency) as refunded,
        count(*) filter (where orders.currency is distinct from book.currency) as foreign_order_count,
        count(*) filter (where orders.currency = book.currency) as home_order_count
    from orders
    cross join book
    where customer_id is not null and status <> 'cancelled'
    group by customer_id
),

cancelled as (
    select customer_id, count(*) as cancelled_count
    from orders
    where customer_id is not null and status = 'cancelled'
    group by customer_id
),

loose as (
    select customer_id, sum(amount) as amount
    from refunds
    cross join book
    where customer_id is not null and not is_linked and refunds.currency = book.currency
    group by customer_id
)

select
    base.customer_id,
    coalesce(
        case when base.registration.kind = 'company' then profiles.legal_name.v end,
        nullif(concat_ws(' ', names.given_name, names.family_name), ''),
        profiles.legal_name.v,
        profiles.email.v,
        known.email,
        known.external_id,
        known.phone,
        base.customer_id
    ) as name,
    coalesce(base.registration.kind, 'person') as kind,
    profiles.civility.v as civility,
    names.given_name,
    names.family_name,
    profiles.legal_name.v as legal_name,
    coalesce(profiles.email.v, case when profiles.email is null then known.email end) as email,
    coalesce(profiles.mobile.v, profiles.landline.v, case when profiles.mobile is null then known.phone end) as phone,
    profiles.mobile.v as mobile,
    profiles.landline.v as landline,
    known.external_id,
    array_to_string(addresses.address.lines, ', ') as street,
    addresses.address.postal_code as postal_code,
    addresses.address.city as city,
    addresses.address.region as region,
    addresses.address.country as country,
    profiles.language.v as language,
    profiles.sex.v as sex,
    profiles.birth_date.v as birth_date,
    coalesce(cast(year(profiles.birth_date.v) as bigint), profiles.birth_year.v) as birth_year,
    profiles.occupation.v as occupation,
    profiles.interests.v as interests,
    profiles.marital_status.v as marital_status,
    profiles.children.v as children,
    profiles.sector.v as sector,
    profiles.headcount.v as headcount,
    profiles.trade.v as trade,
    profiles.chain_position.v as chain_position,
    profiles.siren.v as siren,
    profiles.vat_id.v as vat_id,
    profiles.company_id.v as company_id,
    attributes.attributes,
    coalesce(tags.tags, []) as tags,
    base.source,
    base.registration.collected_via as collected_via,
    base.registration.list_id as list_id,
    base.registration.informed as informed_at_collection,
    base.registration.from_person as collected_from_person,
    coalesce(base.registered_at, base.first_event_at) as registered_at,
    coalesce(base.has_account, false) as has_account,
    coalesce(bought.order_count, 0) as order_count,
    cast(coalesce(bought.gross, 0) as decimal(38, 4)) as gross,
    cast(coalesce(bought.refunded, 0) + coalesce(loose.amount, 0) as decimal(38, 4)) as refunded,
    cast(coalesce(bought.gross, 0) - coalesce(bought.refunded, 0) - coalesce(loose.amount, 0) as decimal(38, 4)) as revenue,
    cast(round(
        (bought.gross - coalesce(bought.refunded, 0) - coalesce(loose.amount, 0)) / nullif(bought.home_order_count, 0), 4
    ) as decimal(38, 4)) as average_basket,
    bought.first_order_at,
    bought.last_order_at,
    coalesce(cancelled.cancelled_count, 0) as cancelled_count,
    coalesce(bought.foreign_order_count, 0) as foreign_order_count,
    base.cart_count,
    base.quote_count,
    base.message_count,
    base.note_count,
    base.last_action_at,
    base.last_reaction_at,
    base.event_count,
    base.first_event_at,
    base.last_event_at
from base
left join profiles using (customer_id)
left join names using (customer_id)
left join addresses using (customer_id)
left join attributes using (customer_id)
left join tags using (customer_id)
left join known using (customer_id)
left join bought using (customer_id)
left join cancelled using (customer_id)
left join loose using (customer_id)
