-- One row per import that is undone at the moment: reverted, and not restored since.
select batch
from (
    select
        coalesce(import_reverted.batch, import_restored.batch) as batch,
        max_by(type, position) as last_act
    from all_events
    where import_reverted is not null or import_restored is not null
    group by 1
) as acts
where last_act = 'import_reverted'
