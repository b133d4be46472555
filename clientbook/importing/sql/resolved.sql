-- One row per drafted event, in its order: whose it is.
select
    owners.customer_id,
    coalesce(owners.is_new, false) as is_new,
    refs.ref is not null and owners.customer_id is null as unknown
from drafted
left join refs
    on drafted.source = refs.source
    and drafted.given_id is not distinct from refs.given_id
    and drafted.external is not distinct from refs.external
    and drafted.email is not distinct from refs.email
    and drafted.phone is not distinct from refs.phone
left join owners on refs.ref = owners.ref
order by drafted.row
