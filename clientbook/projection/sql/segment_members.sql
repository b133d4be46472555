-- One row per list of members that was written down and customer in it, under the id that the customer goes by now.
select distinct
    members.segment_id,
    coalesce(customer_roots.root_id, members.customer_id) as customer_id,
    members.frozen_at,
    members.position
from (
    select segment_id, unnest(segments_defined.members) as customer_id, defined_at as frozen_at, position
    from segments_defined
) as members
left join customer_roots on members.customer_id = customer_roots.customer_id
