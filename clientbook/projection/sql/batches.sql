-- One row per import.
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
    done.position
from all_events as done
where done.import_completed is not null
