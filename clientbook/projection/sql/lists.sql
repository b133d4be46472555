-- One row per list of addresses that the shop rented or bought, as recorded last.
select
    list_acquired.list_id as list_id,
    max_by(list_acquired, row(occurred_at, position)).supplier as supplier,
    max_by(list_acquired, row(occurred_at, position)).kind as kind,
    max_by(list_acquired, row(occurred_at, position)).proof as proof,
    max_by(list_acquired, row(occurred_at, position)).names_us as names_us,
    max_by(list_acquired, row(occurred_at, position)).art14_given as art14_given,
    max_by(list_acquired, row(occurred_at, position)).licence_until as licence_until,
    min(occurred_at) as acquired_at,
    max(position) as position
from events
where list_acquired is not null
group by 1
