-- One row per segment that has a rule, as defined last and not retired since.
select segment_id, rule, label, parameters, defined_at, position
from (
    select
        coalesce(segment_defined.segment_id, segment_retired.segment_id) as segment_id,
        max_by(type, row(occurred_at, position)) as last_act,
        max_by(segment_defined, row(occurred_at, position)).rule as rule,
        max_by(segment_defined, row(occurred_at, position)).label as label,
        max_by(segment_defined, row(occurred_at, position)).parameters as parameters,
        max(occurred_at) as defined_at,
        max(position) as position
    from events
    where segment_defined is not null or segment_retired is not null
    group by 1
) as acts
where last_act = 'segment_defined'
