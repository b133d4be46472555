-- One row per person: the first class of retention that fits, the last sign of life, and the last day the data may be kept.
-- Companies are left out: the law is about people. Openings of mails are no sign of life; what lies in the future is none yet.
-- limit_on is NULL where no time runs: an open contract, data that may only be kept, a request that was not answered.
with acts as (
    select
        history.customer_id,
        max(history.occurred_at) filter (
            where history.act in ('consent_given', 'consent_confirmed', 'consent_renewed') and history.undated is distinct from true
        ) as agreed_at,
        bool_or(history.act in ('consent_given', 'consent_confirmed', 'consent_renewed')) as has_agreed,
        max(history.occurred_at) filter (
            where history.act = 'consent_requested' and history.is_confirmation_mail
        ) as confirmation_sent_at,
        coalesce(
            max_by(history.act, row(history.occurred_at, history.position))
                filter (where history.act in ('processing_restricted', 'restriction_lifted')) = 'processing_restricted',
            false
        ) as is_restricted
    from consent_history as history
    where history.customer_id is not null and history.occurred_at <= $at
    group by history.customer_id
),

requests as (
    select
        customer_id,
        max(occurred_at) filter (where type in ('access_requested', 'erasure_requested'))
        > coalesce(
            max(occurred_at) filter (where type in ('access_answered', 'erasure_refused')),
            timestamptz '0001-01-01 00:00:00+00'
        )
            as is_open
    from interactions
    where type in ('access_requested', 'access_answered', 'erasure_requested', 'erasure_refused') and occurred_at <= $at
    group by customer_id
),

contracts as (
    select customer_id, bool_or(not is_closed) as is_open, max(last_at) as last_at
    from (
        select
            customer_id, reference,
            max_by(type, row(occurred_at, type = 'contract_opened')) = 'contract_closed' as is_closed,
            max(occurred_at) as last_at
        from interactions
        where type in ('contract_opened', 'contract_closed') and occurred_at <= $at
        group by customer_id, reference
    )
    group by customer_id
),

reactions as (
    select
        customer_id,
        max(occurred_at) filter (where type not in ('message_opened', 'message_bounced', 'complaint_made')) as reacted_at,
        max(occurred_at) filter (where type = 'contest_entered') as entered_at,
        bool_or(type not in ('message_opened', 'message_bounced', 'complaint_made', 'contest_entered')) as has_reacted
    from interactions
    where side = 'reaction' and occurred_at <= $at and customer_id is not null
    group by customer_id
),

signs as (
    select
        customers.customer_id,
        customers.name,
        customers.email,
        customers.collected_via,
        customers.has_account,
        customers.registered_at,
        customers.order_count > 0 or contracts.customer_id is not null as is_customer,
        coalesce(contracts.is_open, false) as has_open_contract,
        coalesce(acts.is_restricted, false) as is_restricted,
        coalesce(requests.is_open, false) as has_open_request,
        coalesce(acts.has_agreed, false) as has_agreed,
        coalesce(reactions.has_reacted, false) as has_reacted,
        reactions.entered_at,
        acts.confirmation_sent_at,
        greatest(
            customers.registered_at, customers.last_order_at, contracts.last_at, reactions.reacted_at, acts.agreed_at,
            acts.confirmation_sent_at
        ) as last_sign_at
    from customers
    left join acts using (customer_id)
    left join requests using (customer_id)
    left join contracts using (customer_id)
    left join reactions using (customer_id)
    where customers.kind = 'person'
),

classed as (
    select
        *,
        case
            when is_restricted then 'restricted'
            when has_open_request then 'request'
            when has_open_contract then 'contract'
            when is_customer then 'customer'
            when has_account then 'account'
            when has_agreed or has_reacted then 'prospect'
            when confirmation_sent_at is not null and entered_at is null and collected_via in ('newsletter_form', 'popup')
                then 'unconfirmed'
            when collected_via = 'contest' or collected_via is null and entered_at is not null then 'contest'
            else 'prospect'
        end as retention_class
    from signs
),

dated as (
    select *, cast(timezone($timezone, last_sign_at) as date) as last_sign_on from classed
)

select
    customer_id,
    name,
    email,
    retention_class,
    last_sign_at,
    cast(case retention_class
        when 'customer' then last_sign_on + to_months($customer_months)
        when 'account' then last_sign_on + to_months($account_months)
        when 'unconfirmed' then last_sign_on + to_days($pending_days)
        when 'contest' then last_sign_on + to_months($contest_months)
        when 'prospect' then last_sign_on + to_months($prospect_months)
    end as date) as limit_on
from dated
order by limit_on nulls last, customer_id
