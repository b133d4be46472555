-- One row per customer, channel, address and purpose that an act is about: the state at an instant, and what proves it.
-- proof_grade: A a double opt-in and the text shown; B a single act and the version of the text, or a document; C a dated
-- entry of some tool; D a bare yes. is_current: about an address that the customer has now. The wording of a confirmed double
-- opt-in is the one of its request where the confirmation names none.
with acts as (
    select
        history.*,
        case
            when act = 'consent_confirmed' and notice_id is null then (
                select max_by(request.notice_id || '/' || request.notice_version, request.occurred_at)
                from consent_history as request
                where request.customer_id = history.customer_id and request.channel = history.channel
                    and request.purpose = history.purpose and request.act = 'consent_requested'
                    and request.occurred_at <= history.occurred_at
            )
        end as asked_notice
    from consent_history as history
)

select
    states.customer_id,
    states.channel,
    states.address,
    states.purpose,
    states.state,
    states.opt_in_level,
    states.proof_grade,
    states.consented_at,
    act.recorded_at,
    states.valid_until,
    coalesce(act.notice_id, split_part(act.asked_notice, '/', 1)) as notice_id,
    coalesce(act.notice_version, split_part(act.asked_notice, '/', 2)) as notice_version,
    notice.language as notice_language,
    notice.sha256 as notice_sha256,
    act.source,
    act.surface,
    act.method,
    act.form_id,
    act.url,
    act.evidence_sha256,
    states.parental,
    act.recorded_by,
    act.actor,
    act.batch,
    states.position,
    states.renewal_position,
    states.is_current
from states
left join acts as act
    on states.position = act.position and states.channel = act.channel
    and states.said_purpose is not distinct from act.purpose
left join (
    select notice_id, version, max_by(language, position) as language, max_by(sha256, position) as sha256
    from notices
    group by 1, 2
) as notice
    on coalesce(act.notice_id, split_part(act.asked_notice, '/', 1)) = notice.notice_id
    and coalesce(act.notice_version, split_part(act.asked_notice, '/', 2)) = notice.version
