-- What stood in an entry when it was merged into another, as acts of the other: it fills a gap or restricts, as an import.
select
    standing.customer_id,
    standing.customer_id as strand,
    standing.channel,
    standing.address,
    standing.purpose,
    standing.said_purpose,
    case when standing.state = 'granted' then 'given' else standing.state end as kind,
    standing.state in ('refused', 'withdrawn', 'invalidated') as restrictive,
    false as cascades,
    true as by_import,
    merges.merged_at as occurred_at,
    standing.consented_at as said_at,
    standing.event_id,
    standing.position,
    standing.valid_until,
    standing.proof
from strand_standing as standing
inner join (
    select customer_id, strand, max(merged_at) as merged_at from acts where merged_at is not null group by 1, 2
) as merges using (customer_id, strand)
where standing.state in ('granted', 'refused', 'withdrawn', 'invalidated', 'requested')
