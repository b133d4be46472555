-- One row per customer, channel, address and purpose: the state at the instant of `decision`, narrow enough for millions.
select
    standing.customer_id,
    standing.channel,
    standing.address,
    standing.purpose,
    standing.said_purpose,
    standing.state,
    standing.proof.opt_in_level as opt_in_level,
    case
        when standing.state not in ('granted', 'expired') then null
        when standing.proof.undated then 'D'
        when standing.proof.opt_in_level = 'CONFIRMED_OPT_IN' and standing.proof.has_text then 'A'
        when standing.proof.has_version and standing.proof.has_way then 'B'
        else 'C'
    end as proof_grade,
    standing.consented_at,
    standing.valid_until,
    standing.proof.is_form as is_form,
    standing.proof.parental as parental,
    standing.position,
    standing.renewal_position,
    standing.address is not distinct from current.address as is_current
from standing
left join current_addresses as current
    on standing.customer_id = current.customer_id and standing.channel = current.channel
