-- One row per customer, strand, channel, address and purpose: what holds at the instant of `decision`, and the act that proves it.
-- An import counts where the person did nothing; a renewal where it is later than what it renews; a pending double opt-in
-- stands before what was there until it lapses. A restriction holds for every address of the customer.
-- Ties go to the restrictive act, then by event id, so that the order of recording does not matter.
with restricted as (
    select distinct customer_id, strand, channel from judged_acts where restrictive
),

places as (
    select distinct one.customer_id, one.strand, one.channel, one.address
    from judged_acts as one
    semi join restricted using (customer_id, strand, channel)
    union
    select restricted.customer_id, restricted.strand, restricted.channel, current.address
    from restricted
    inner join current_addresses as current using (customer_id, channel)
),

bound as (
    select one.* replace (places.address as address)
    from judged_acts as one
    inner join places using (customer_id, strand, channel)
    where one.restrictive
    union all
    select * from judged_acts where not restrictive
),

reaching as (
    select
        bound.* replace (coalesce(tree.descendant, bound.purpose) as purpose),
        -- Time, rank and the beginning of the event's id in one number: comparing rows takes several times as long.
        (
            epoch_us(bound.occurred_at) * 10 + case
                when bound.restrictive then 9
                when bound.kind in ('requested', 'void') then 0
                when bound.kind = 'pending' then 1
                when bound.by_import then 2
                else 3
            end
        )::hugeint * 1152921504606846976 + cast('0x' || left(hex(bound.event_id), 15) as bigint) as n
    from bound
    left join purpose_tree as tree on bound.cascades and tree.ancestor = bound.purpose
),

waiting as (
    select distinct customer_id, strand, channel, address, purpose from reaching where kind = 'pending'
),

seen as (
    select
        one.*,
        max(case when one.kind = 'pending' then one.occurred_at end) over before as pending_at,
        max(case when one.restrictive then one.occurred_at end) over before as restricted_at,
        max_by(one.proof, case when one.kind = 'pending' then one.occurred_at end) over before as asked
    from reaching as one
    semi join waiting
        on one.customer_id = waiting.customer_id and one.strand = waiting.strand and one.channel = waiting.channel
        and one.address is not distinct from waiting.address and one.purpose = waiting.purpose
    window before as (
        partition by one.customer_id, one.strand, one.channel, one.address, one.purpose order by one.n
        rows between unbounded preceding and 1 preceding
    )
),

judged as (
    select
        seen.* exclude (pending_at, restricted_at),
        coalesce(
            pending_at > coalesce(restricted_at, timestamptz '0001-01-01 00:00:00+00')
            and occurred_at <= pending_at + to_days(decision.pending_days),
            false
        ) as is_pending_live
    from seen
    cross join decision
    union all by name
    select one.*, false as is_pending_live
    from reaching as one
    anti join waiting
        on one.customer_id = waiting.customer_id and one.strand = waiting.strand and one.channel = waiting.channel
        and one.address is not distinct from waiting.address and one.purpose = waiting.purpose
),

ruled as (
    select
        *,
        struct_pack(
            k := kind, at := said_at, event_id := event_id, "position" := "position", said_purpose := said_purpose,
            until := valid_until, proof := proof, asked := asked
        ) as act,
        (kind = 'given' and not by_import) or (kind = 'confirmed' and is_pending_live) as positive,
        kind = 'given' and by_import and not is_pending_live as fills
    from judged
),

folded as (
    select
        customer_id, strand, channel, address, purpose,
        max(n) filter (where restrictive) as restrictive_n,
        max_by(act, n) filter (where restrictive) as restriction,
        max(n) filter (where positive) as positive_n,
        max_by(act, n) filter (where positive) as positive,
        min(n) filter (where fills) as fill_n,
        min_by(act, n) filter (where fills) as fill,
        max(n) filter (where kind = 'renewed') as renewed_n,
        max_by(act, n) filter (where kind = 'renewed') as renewal,
        max(n) filter (where kind = 'pending') as pending_n,
        max_by(act, n) filter (where kind = 'pending') as pending,
        max_by(act, n) filter (where kind = 'void') as void,
        max_by(act, n) filter (where kind = 'requested') as request
    from ruled
    group by customer_id, strand, channel, address, purpose
),

standing as (
    select
        folded.*,
        case
            when positive_n is not null and (restrictive_n is null or positive_n > restrictive_n) then positive
            when restrictive_n is null then fill
        end as given_act,
        case
            when positive_n is not null and (restrictive_n is null or positive_n > restrictive_n) then positive_n
            when restrictive_n is null then fill_n
        end as given_n,
        pending_n is not null and (restrictive_n is null or pending_n > restrictive_n)
        and pending.at + to_days(decision.pending_days) >= decision.at as is_pending
    from folded
    cross join decision
),

renewed as (
    select
        standing.* replace (case when renewed_n > given_n then renewal end as renewal),
        coalesce(case when renewed_n > given_n then renewal.until end, given_act.until) as until
    from standing
),

named as (
    select
        renewed.*,
        case
            when given_act is not null and until <= decision.at then 'expired'
            when given_act is not null then 'granted'
            when is_pending then 'pending'
            when restriction is not null then restriction.k
            when void is not null then 'invalidated'
            when request is not null and pending is null then 'requested'
            else 'never_asked'
        end as state,
        case
            when given_act is not null then given_act
            when is_pending then pending
            else coalesce(restriction, void, request, pending)
        end as shown
    from renewed
    cross join decision
)

select
    customer_id, strand, channel, address, purpose, state,
    coalesce(renewal.at, shown.at) as consented_at,
    until as valid_until,
    struct_pack(
        opt_in_level := case
            when given_act.k = 'confirmed' or renewal.proof.opt_in_level = 'CONFIRMED_OPT_IN' then 'CONFIRMED_OPT_IN'
            else given_act.proof.opt_in_level
        end,
        has_text := coalesce(renewal.proof.has_text, false) or coalesce(shown.proof.has_text, false)
            or coalesce(shown.asked.has_text, false),
        has_version := coalesce(renewal.proof.has_version, false) or coalesce(shown.proof.has_version, false)
            or coalesce(shown.asked.has_version, false),
        has_way := coalesce(renewal.proof.has_way, false) or shown.proof.has_way,
        is_form := coalesce(shown.asked.is_form, false) or shown.proof.is_form,
        undated := coalesce(renewal.proof.undated, shown.proof.undated),
        parental := coalesce(renewal.proof.parental, false) or shown.proof.parental
    ) as proof,
    shown.event_id as event_id,
    shown.position as "position",
    shown.said_purpose as said_purpose,
    renewal.position as renewal_position
from named
