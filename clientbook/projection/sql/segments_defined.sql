-- One row per segment of the shop's own: by a rule, as defined last and not retired since, or a list of members that was
-- written down, whose rule is NULL (the view segment_members has them one a row, under the ids they go by now). A list has
-- the name it was given; where a rule had that name when it was written down, the name, an @ and the day. A rule goes
-- before a list of its name.
with acts as (
    select
        type,
        occurred_at,
        position,
        coalesce(segment_defined.segment_id, segment_retired.segment_id, segment_frozen.segment_id) as segment_id,
        segment_defined,
        segment_frozen.members as members
    from events
    where segment_defined is not null or segment_retired is not null or segment_frozen is not null
),

named as (
    select
        * replace (
            case
                when type = 'segment_frozen' and last_value(
                    case when type <> 'segment_frozen' then type end ignore nulls
                ) over (
                    partition by segment_id order by occurred_at, position rows between unbounded preceding and current row
                ) = 'segment_defined'
                    then segment_id || '@' || strftime(timezone(book.timezone, occurred_at), '%Y-%m-%d')
                else segment_id
            end as segment_id
        )
    from acts
    cross join book
),

kinds as (
    select
        segment_id,
        max_by(type, row(occurred_at, position)) as last_act,
        max_by(type, row(occurred_at, position)) filter (where type <> 'segment_frozen') as last_rule_act,
        max_by(segment_defined, row(occurred_at, position)) as definition,
        max_by(coalesce(members, []), row(occurred_at, position)) filter (where type = 'segment_frozen') as members,
        max(occurred_at) as defined_at,
        max(position) as position
    from named
    group by segment_id
)

select
    segment_id,
    case when last_rule_act = 'segment_defined' then definition.rule end as rule,
    case when last_rule_act = 'segment_defined' then definition.label end as label,
    case when last_rule_act = 'segment_defined' then definition.parameters end as parameters,
    case when last_rule_act is distinct from 'segment_defined' then members end as members,
    defined_at,
    position
from kinds
where last_rule_act is not distinct from 'segment_defined' or last_act = 'segment_frozen'
