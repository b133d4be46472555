-- One row per event that was voided, by its position.
select distinct event_voided.position as position
from all_events
where event_voided is not null
