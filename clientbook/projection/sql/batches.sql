-- One row per import, also of those that are undone: `undone_at` is set from the undoing until the import is restored.
-- What another book's export tells of its own imports is left out.
with acts as (
    select
        coalesce(import_reverted.batch, import_restored.batch) as batch,
        max_by(struct_pack(at := recorded_at, reason := import_reverted.reason), position) as last_act
    from all_events
    where import_reverted is not null or import_restored is not null
    group by 1
)

select
    done.import_completed.batch as batch,
    done.recorded_at as imported_at,
    done.import_completed.importer as importer,
    done.import_completed.importer_version as importer_version,
    done.import_completed.source_name as source,
    done.import_completed.file_sha256 as file_sha256,
    done.import_completed.rows_read as rows_read,
    done.import_completed.rows_used as rows_used,
    done.import_completed.rows_duplicate as rows_duplicate,
    done.import_completed.rows_skipped as rows_skipped,
    done.import_completed.rows_rejected as rows_rejected,
    done.import_completed.events as event_count,
    case when undone_batches.batch is not null then acts.last_act.at end as undone_at,
    case when undone_batches.batch is not null then acts.last_act.reason end as undone_reason,
    done.position
from all_events as done
left join acts on done.import_completed.batch = acts.batch
left join undone_batches on done.import_completed.batch = undone_batches.batch
where done.import_completed is not null and done.batch = done.import_completed.batch
