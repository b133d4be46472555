-- One row per customer: what a decision at the instant of `decision` needs to know of the person.
with last_acts as (
    select
        history.customer_id,
        max_by(history.act, row(history.occurred_at, history.act = 'processing_restricted', history.event_id))
            filter (where history.act = 'processing_restricted' or history.act = 'restriction_lifted' and history.batch is null)
            = 'processing_restricted' as is_restricted,
        max(history.position) filter (where history.act = 'processing_restricted') as restriction_position,
        max(history.position) filter (where history.act = 'death_reported') as death_position,
        max_by(history.do_not_call_listed, row(history.occurred_at, history.do_not_call_listed, history.event_id))
            filter (where history.act = 'do_not_call_checked') as bloctel_listed,
        max(history.position) filter (where history.act = 'do_not_call_checked') as bloctel_position,
        max(history.occurred_at) filter (where history.act = 'call_refused') as call_refused_at,
        max(history.position) filter (where history.act = 'call_refused') as call_refused_position,
        bool_or(history.is_notice_shown) as is_notice_shown
    from consent_history as history
    cross join decision
    where history.customer_id is not null and history.occurred_at <= decision.at
    group by history.customer_id
),

calls as (
    select one.customer_id, count(*) as calls, max(one.position) as last_call_position
    from interactions as one
    cross join decision
    where one.type = 'call_made' and coalesce(one.direction, 'outbound') = 'outbound'
        and one.occurred_at <= decision.at and one.occurred_at > decision.at - to_days(decision.phone_days)
    group by one.customer_id
),

contracts as (
    select
        one.customer_id,
        one.reference,
        max_by(one.type, row(one.occurred_at, one.type = 'contract_closed')) = 'contract_opened' as is_open,
        max(one.position) filter (where one.type = 'contract_opened') as position
    from interactions as one
    cross join decision
    where one.type in ('contract_opened', 'contract_closed') and one.occurred_at <= decision.at
    group by one.customer_id, one.reference
),

open_contracts as (
    select customer_id, max(position) as position
    from contracts
    where is_open
    group by customer_id
),

bought as (
    select
        orders.customer_id,
        max(orders.placed_at) as last_purchase_at,
        max_by(orders.position, row(orders.placed_at, orders.position)) as purchase_position
    from orders
    cross join decision
    where orders.customer_id is not null and orders.status <> 'cancelled' and orders.placed_at <= decision.at
    group by orders.customer_id
)

select
    customers.customer_id,
    case
        when customers.kind = 'company' and (
            customers.email is null
            or regexp_matches(
                lower(customers.email),
                '^(accueil|achats|admin|administration|bonjour|boutique|bureau|commande|commandes|commercial|compta|comptabilite'
                || '|contact|direction|facturation|factures|hello|info|infos|information|magasin|mail|office|sales|secretariat'
                || '|service|shop|sav|support|vente|ventes)[0-9._+-]*@'
            )
        ) then 'generic_pro'
        when customers.kind = 'company' or customers.company_id is not null then 'pro'
        else 'consumer'
    end as person_kind,
    case
        when last_acts.death_position is not null then 'deceased'
        when last_acts.is_restricted then 'restricted'
        else 'active'
    end as status,
    coalesce(last_acts.death_position, last_acts.restriction_position) as status_position,
    case
        when customers.birth_date is not null then date_diff('year', customers.birth_date, decision.day) - cast(
            customers.birth_date + to_years(cast(date_diff('year', customers.birth_date, decision.day) as integer))
            > decision.day as integer
        )
        when customers.birth_year is not null then year(decision.day) - customers.birth_year - 1
    end as age,
    cast(timezone(decision.timezone, bought.last_purchase_at) as date) as last_purchase,
    bought.purchase_position,
    customers.has_account,
    open_contracts.customer_id is not null as has_open_contract,
    open_contracts.position as contract_position,
    case
        when customers.last_reaction_at is not null
            then cast(timezone(decision.timezone, least(customers.last_reaction_at, decision.at)) as date)
    end as last_positive_act,
    case
        when customers.collected_via in ('rented_list', 'bought_list') then 'bought'
        when customers.collected_via in (
            'account', 'newsletter_form', 'popup', 'survey', 'quote', 'order_form', 'appointment', 'social'
        ) then 'own_form'
        else customers.collected_via
    end as collected_via,
    coalesce(
        customers.collected_from_person,
        case
            when customers.collected_via in (
                'bought_list', 'rented_list', 'scraped', 'marketplace', 'gift_recipient', 'referral'
            ) then false
            when customers.collected_via is distinct from 'import' then customers.collected_via is not null
        end
    ) as collected_from_person,
    coalesce(customers.informed_at_collection, case when last_acts.is_notice_shown then true end) as informed_at_collection,
    lists.names_us,
    lists.licence_until,
    last_acts.bloctel_listed,
    last_acts.bloctel_position,
    coalesce(calls.calls, 0) as calls,
    calls.last_call_position,
    cast(timezone(decision.timezone, last_acts.call_refused_at) as date) as call_refused_on,
    last_acts.call_refused_position
from customers
cross join decision
left join last_acts using (customer_id)
left join calls using (customer_id)
left join open_contracts using (customer_id)
left join bought using (customer_id)
left join lists on customers.list_id = lists.list_id
