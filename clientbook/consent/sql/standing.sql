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
        case
            when bound.restrictive then 9
            when bound.kind in ('requested', 'void') then 0
            when bound.kind = 'pending' then 1
            when bound.by_import then 2
            else 3
        end as tie
    from bound
    left join purpose_tree as tree on bound.cascades and tree.ancestor = bound.purpose
),

seen as (
    select
        *,
        row_number() over ordered as n,
        max(case when kind = 'pending' then occurred_at end) over before as pending_at,
        max(case when restrictive then occurred_at end) over before as restricted_at,
        max_by(detail, case when kind = 'pending' then occurred_at end) over before as pending_detail
    from reaching
    window
        ordered as (partition by customer_id, strand, channel, address, purpose order by occurred_at, tie, event_id),
        before as (
            partition by customer_id, strand, channel, address, purpose order by occurred_at, tie, event_id
            rows between unbounded preceding and 1 preceding
        )
),

judged as (
    select
        seen.*,
        coalesce(
            pending_at > coalesce(restricted_at, timestamptz '0001-01-01 00:00:00+00')
            and occurred_at <= pending_at + to_days(decision.pending_days),
            false
        ) as is_pending_live
    from seen
    cross join decision
),

ruled as (
    select
        *,
        (kind = 'given' and not by_import) or (kind = 'confirmed' and is_pending_live) as positive,
        kind = 'given' and by_import and not is_pending_live as fills
    from judged
),

folded as (
    select
        customer_id, strand, channel, address, purpose,
        max(case when restrictive then n end) as restrictive_n,
        max_by(struct_pack(k := kind, at := said_at, event_id := event_id, "position" := "position", d := detail), n)
            filter (where restrictive) as restriction,
        max(case when positive then n end) as positive_n,
        max_by(
            struct_pack(
                k := kind, at := said_at, event_id := event_id, "position" := "position", d := detail, until := valid_until,
                pending := pending_detail
            ), n
        ) filter (where positive) as positive,
        min(case when fills then n end) as fill_n,
        min_by(
            struct_pack(
                k := kind, at := said_at, event_id := event_id, "position" := "position", d := detail, until := valid_until,
                pending := pending_detail
            ), n
        ) filter (where fills) as fill,
        max(case when kind = 'renewed' then n end) as renewed_n,
        max_by(struct_pack(at := said_at, event_id := event_id, "position" := "position", d := detail, until := valid_until), n)
            filter (where kind = 'renewed') as renewal,
        max(case when kind = 'pending' then n end) as pending_n,
        max_by(struct_pack(at := occurred_at, event_id := event_id, "position" := "position", d := detail), n)
            filter (where kind = 'pending') as pending,
        max_by(struct_pack(at := said_at, event_id := event_id, "position" := "position", d := detail), n)
            filter (where kind = 'void') as void,
        max_by(struct_pack(at := said_at, event_id := event_id, "position" := "position", d := detail), n)
            filter (where kind = 'requested') as request
    from ruled
    group by customer_id, strand, channel, address, purpose
),

standing as (
    select
        folded.*,
        case
            when coalesce(positive_n, 0) > coalesce(restrictive_n, 0) then positive
            when restrictive_n is null then fill
        end as grant_,
        case
            when coalesce(positive_n, 0) > coalesce(restrictive_n, 0) then positive_n
            when restrictive_n is null then fill_n
        end as grant_n,
        coalesce(pending_n, 0) > coalesce(restrictive_n, 0)
        and pending.at + to_days(decision.pending_days) >= decision.at as is_pending
    from folded
    cross join decision
),

renewed as (
    select
        standing.* exclude (renewal),
        case when renewed_n > grant_n then renewal end as renewal,
        coalesce(case when renewed_n > grant_n then renewal.until end, grant_.until) as until
    from standing
),

named as (
    select
        renewed.*,
        case
            when grant_ is not null and until <= decision.at then 'expired'
            when grant_ is not null then 'granted'
            when is_pending then 'pending'
            when restriction is not null then restriction.k
            when void is not null then 'invalidated'
            when request is not null and pending is null then 'requested'
            else 'never_asked'
        end as state,
        case
            when grant_ is not null then coalesce(renewal.d, grant_.d)
            when is_pending then pending.d
            when restriction is not null then restriction.d
            else coalesce(void.d, request.d, pending.d)
        end as shown
    from renewed
    cross join decision
)

select
    customer_id, strand, channel, address, purpose, state,
    case
        when grant_ is null then null
        when grant_.k = 'confirmed' then 'CONFIRMED_OPT_IN'
        when renewal.d.opt_in_level = 'CONFIRMED_OPT_IN' then 'CONFIRMED_OPT_IN'
        else coalesce(
            grant_.d.opt_in_level,
            case
                when grant_.d.batch is null or coalesce(grant_.d.method, grant_.d.surface, grant_.d.form_id) is not null
                    then 'SINGLE_OPT_IN'
                else 'UNKNOWN'
            end
        )
    end as opt_in_level,
    case
        when grant_ is not null then coalesce(renewal.at, grant_.at)
        when is_pending then pending.at
        when restriction is not null then restriction.at
        else coalesce(void.at, request.at, pending.at)
    end as consented_at,
    shown.recorded_at as recorded_at,
    coalesce(shown.notice_id, grant_.d.notice_id, grant_.pending.notice_id) as notice_id,
    case
        when shown.notice_id is not null then shown.notice_version
        when grant_.d.notice_id is not null then grant_.d.notice_version
        else grant_.pending.notice_version
    end as notice_version,
    coalesce(shown.surface, grant_.d.surface, grant_.pending.surface) as surface,
    coalesce(shown.method, grant_.d.method) as "method",
    coalesce(shown.form_id, grant_.d.form_id, grant_.pending.form_id) as form_id,
    coalesce(shown.url, grant_.d.url, grant_.pending.url) as url,
    coalesce(shown.evidence_sha256, grant_.d.evidence_sha256) as evidence_sha256,
    coalesce(shown.parental, grant_.d.parental) as parental,
    case when renewal is null then grant_.d.undated end as undated,
    shown.recorded_by as recorded_by,
    shown.source as source,
    shown.actor as actor,
    shown.batch as batch,
    until as valid_until,
    coalesce(grant_.event_id, case when is_pending then pending.event_id end, restriction.event_id, void.event_id, request.event_id, pending.event_id) as event_id,
    coalesce(
        grant_.position, case when is_pending then pending.position end, restriction.position, void.position,
        request.position, pending.position
    ) as "position",
    renewal.position as renewal_position
from named
