-- One row: what the rows that were set aside add up to; a document's own total counts once, without one its lines add up.
with numbered as (
    select
        *,
        coalesce(order_id, 'row ' || row) as document,
        first_value(order_total ignore nulls) over (
            partition by coalesce(order_id, 'row ' || row)
            order by row rows between unbounded preceding and unbounded following
        ) as total
    from typed
    where row in (select row from bad_rows)
)

select cast(sum(amount) as decimal(38, 4)) as amount
from (
    select
        case
            when total is null
                then coalesce(
                    line_amount,
                    try_cast(round(cast(line_quantity as decimal(20, 4)) * line_unit_price, 4) as decimal(18, 4))
                )
            when row_number() over (partition by document order by row) = 1 then total
            else 0
        end as amount
    from numbered
) as set_aside
