-- One row per wording, version and language that people were shown, as published last.
select
    notice_published.notice_id as notice_id,
    notice_published.version as version,
    notice_published.language as language,
    max_by(notice_published, row(occurred_at, position)).text as text,
    max_by(notice_published, row(occurred_at, position)).sha256 as sha256,
    max_by(notice_published, row(occurred_at, position)).purposes as purposes,
    max_by(notice_published, row(occurred_at, position)).controllers as controllers,
    min(occurred_at) as published_at,
    max(position) as position
from events
where notice_published is not null
group by 1, 2, 3
