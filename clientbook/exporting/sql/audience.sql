-- One row per member of the rule: the reason why the customer is left out, NULL where nothing is in the way. Of several who
-- share an address one is written to: who ordered most, then who came first.
with judged as (
    select
        decided.*,
        case
            when not is_allowed then reason_code
            when sent_to is null then 'NO_ADDRESS'
            when not is_sound then 'DOUBTFUL_ADDRESS'
            when is_refused_here then 'ADDRESS_REFUSED'
        end as obstacle,
        customers.order_count,
        customers.registered_at
    from audience_members as members
    inner join decided using (customer_id)
    inner join customers using (customer_id)
)

select
    * exclude (obstacle, order_count, registered_at),
    coalesce(
        obstacle,
        case
            when row_number() over (
                partition by sent_to, obstacle is null order by order_count desc, registered_at, customer_id
            ) > 1 then 'SAME_ADDRESS'
        end
    ) as excluded
from judged
