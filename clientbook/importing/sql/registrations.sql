-- One row per new customer that the batch does not register itself.
select
    owners.customer_id,
    min_by(refs.source, refs.first_row) as source,
    min(refs.first_at) as occurred_at
from owners
inner join refs using (ref)
where owners.is_new and owners.customer_id is not null
group by owners.customer_id
having not bool_or(refs.is_registered)
order by owners.customer_id
