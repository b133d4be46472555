-- One row per customer and pair that is asked about and objected to: the widest objection. It binds everybody who has the same
-- address. Only the customer lifts an objection, by an act of its own: an import does not.
with acts as (
    select
        history.customer_id,
        history.scope,
        case when history.scope <> 'all' then history.channel end as channel,
        case when history.scope = 'purpose' then history.purpose end as purpose,
        max_by(history.act, row(least(history.occurred_at, history.recorded_at), history.act = 'objection_raised', history.event_id))
            = 'objection_raised' as stands,
        max(history.position) filter (where history.act = 'objection_raised') as position
    from consent_history as history
    cross join decision
    where history.customer_id is not null
        and (
            history.occurred_at <= decision.at
            or history.act = 'objection_raised' and history.recorded_at <= decision.at
        )
        and (history.act = 'objection_raised' or history.act = 'objection_lifted' and history.batch is null)
    group by 1, 2, 3, 4
),

bound as (
    select customer_id, scope, channel, purpose, position
    from acts
    where stands
    union all
    select others.customer_id, acts.scope, acts.channel, acts.purpose, acts.position
    from acts
    inner join current_addresses as own on acts.customer_id = own.customer_id
    inner join current_addresses as others
        on own.channel = others.channel and own.address = others.address and own.customer_id <> others.customer_id
    where acts.stands
)

select
    bound.customer_id,
    asked.ask_id,
    min_by(bound.scope, case bound.scope when 'all' then 1 when 'channel' then 2 else 3 end) as scope,
    min_by(bound.position, case bound.scope when 'all' then 1 when 'channel' then 2 else 3 end) as position
from bound
inner join asked
    on bound.scope = 'all'
    or bound.scope = 'channel' and bound.channel = asked.channel
    or bound.scope = 'purpose' and coalesce(bound.channel, asked.channel) = asked.channel and exists (
        select 1 from purpose_tree where purpose_tree.ancestor = bound.purpose and purpose_tree.descendant = asked.purpose
        union all
        select 1 where bound.purpose = asked.purpose
    )
group by 1, 2
