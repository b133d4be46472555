-- One row per act of consent on a channel, address and purpose, up to the instant of `decision`.
-- strand: what somebody said before the entry was merged into another is judged apart, then enters the other as an import would.
-- kind: void is a consent that was pre-ticked or bundled. A box ticked at collection refuses own offers, and what is below them.
-- proof: what of a proof there is, in the form in which proofs are graded; the rest is looked up by position.
select
    history.customer_id,
    case when roots.merged_at >= history.occurred_at then history.recorded_customer_id else history.customer_id end as strand,
    case when roots.merged_at >= history.occurred_at then roots.merged_at end as merged_at,
    history.channel,
    history.subject_address as address,
    case when history.act = 'opt_out_offered' then 'own_offers' else history.purpose end as purpose,
    history.purpose as said_purpose,
    case
        when history.act = 'opt_out_offered' then 'refused'
        when history.act = 'consent_requested' and history.is_confirmation_mail then 'pending'
        when history.act = 'consent_given' and (history.box_default = 'ticked' or history.bundled) then 'void'
        when history.act = 'consent_confirmed' and history.method = 'get' then 'requested'
        else replace(history.act, 'consent_', '')
    end as kind,
    history.act in ('consent_refused', 'consent_withdrawn', 'consent_invalidated', 'opt_out_offered') as restrictive,
    history.act in ('consent_withdrawn', 'consent_invalidated', 'opt_out_offered') as cascades,
    history.batch is not null as by_import,
    case
        when history.act in ('consent_refused', 'consent_withdrawn', 'consent_invalidated', 'opt_out_offered')
            then least(history.occurred_at, history.recorded_at)
        else history.occurred_at
    end as occurred_at,
    history.occurred_at as said_at,
    history.event_id,
    history.position,
    history.valid_until,
    struct_pack(
        opt_in_level := coalesce(
            history.opt_in_level,
            case
                when history.batch is null or coalesce(history.method, history.surface, history.form_id) is not null
                    then 'SINGLE_OPT_IN'
                else 'UNKNOWN'
            end
        ),
        has_text := notice.notice_id is not null,
        has_version := (history.notice_id is not null and history.notice_version is not null)
            or history.evidence_sha256 is not null,
        has_way := coalesce(history.method, history.surface, history.form_id) is not null,
        is_form := coalesce(history.surface in ('footer', 'popup', 'newsletter_form', 'form', 'contest'), false),
        undated := coalesce(history.undated, false),
        parental := coalesce(history.parental, false)
    ) as proof
from consent_history as history
cross join decision
left join customer_roots as roots
    on history.recorded_customer_id = roots.customer_id and roots.customer_id <> roots.root_id
left join (select distinct notice_id, version from notices) as notice
    on history.notice_id = notice.notice_id and history.notice_version = notice.version
where history.customer_id is not null
    -- What restricts holds from when it is known, whatever date it bears.
    and (
        history.occurred_at <= decision.at
        or history.act in ('consent_refused', 'consent_withdrawn', 'consent_invalidated', 'opt_out_offered')
        and history.recorded_at <= decision.at
    )
    and (history.act like 'consent%' or (history.act = 'opt_out_offered' and history.opt_out_ticked))
