-- One row: what the rows that were set aside add up to; a total that stands on each row of its document counts once.
select cast(sum(amount) as decimal(38, 4)) as amount
from (
    select
        coalesce(
            line_amount,
            try_cast(round(cast(line_quantity as decimal(20, 4)) * line_unit_price, 4) as decimal(18, 4)),
            case
                when row_number() over (
                    partition by coalesce(order_id, 'row ' || row), order_total is null order by row
                ) = 1 then order_total
            end
        ) as amount
    from typed
    where row in (select row from bad_rows)
) as set_aside
