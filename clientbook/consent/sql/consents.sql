-- One row per customer, channel, address and purpose that an act is about: the state at an instant, and what proves it.
-- proof_grade: A a double opt-in and the text shown; B a single act and the version of the text, or a document; C a dated
-- entry of some tool; D a bare yes. is_current: about an address that the customer has now.
select
    standing.customer_id,
    standing.channel,
    standing.address,
    standing.purpose,
    standing.state,
    standing.opt_in_level,
    case
        when standing.state not in ('granted', 'expired') then null
        when standing.undated then 'D'
        when standing.opt_in_level = 'CONFIRMED_OPT_IN' and notice.sha256 is not null then 'A'
        when (standing.notice_id is not null and standing.notice_version is not null or standing.evidence_sha256 is not null)
            and coalesce(standing.method, standing.surface, standing.form_id) is not null then 'B'
        else 'C'
    end as proof_grade,
    standing.consented_at,
    standing.recorded_at,
    standing.valid_until,
    standing.notice_id,
    standing.notice_version,
    notice.language as notice_language,
    notice.sha256 as notice_sha256,
    standing.source,
    standing.surface,
    standing.method,
    standing.form_id,
    standing.url,
    standing.evidence_sha256,
    standing.parental,
    standing.recorded_by,
    standing.actor,
    standing.batch,
    standing.position,
    standing.renewal_position,
    standing.address is not distinct from current.address as is_current
from standing
left join (
    select notice_id, version, max_by(language, position) as language, max_by(sha256, position) as sha256
    from notices
    group by 1, 2
) as notice on standing.notice_id = notice.notice_id and standing.notice_version = notice.version
left join current_addresses as current
    on standing.customer_id = current.customer_id and standing.channel = current.channel
