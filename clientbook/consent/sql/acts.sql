-- One row per act of consent on a channel, address and purpose, up to the instant of `decision`.
-- strand: what somebody said before the entry was merged into another is judged apart, then enters the other as an import would.
-- kind: void is a consent that was pre-ticked or bundled. A box ticked at collection refuses own offers, and what is below them.
select
    history.customer_id,
    case when roots.merged_at >= history.occurred_at then history.recorded_customer_id else history.customer_id end as strand,
    case when roots.merged_at >= history.occurred_at then roots.merged_at end as merged_at,
    history.channel,
    history.subject_address as address,
    case when history.act = 'opt_out_offered' then 'own_offers' else history.purpose end as purpose,
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
    history.occurred_at,
    history.occurred_at as said_at,
    history.event_id,
    history.position,
    history.valid_until,
    struct_pack(
        recorded_at := history.recorded_at,
        opt_in_level := history.opt_in_level,
        notice_id := history.notice_id,
        notice_version := history.notice_version,
        surface := history.surface,
        "method" := history.method,
        form_id := history.form_id,
        url := history.url,
        evidence_sha256 := history.evidence_sha256,
        parental := history.parental,
        undated := history.undated,
        recorded_by := history.recorded_by,
        source := history.source,
        actor := history.actor,
        batch := history.batch
    ) as detail
from consent_history as history
cross join decision
left join customer_roots as roots
    on history.recorded_customer_id = roots.customer_id and roots.customer_id <> roots.root_id
where history.customer_id is not null
    and history.occurred_at <= decision.at
    and (history.act like 'consent%' or (history.act = 'opt_out_offered' and history.opt_out_ticked))
