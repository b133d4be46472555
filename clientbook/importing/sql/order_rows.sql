-- One row per row of the file that goes in: its line, its document, and what it adds to the control total. A document's own
-- total counts once, on its first row; without one its lines add up.
select
    typed.line,
    documents.unit,
    case
        when max(order_total) over (partition by documents.document) is null
            then coalesce(
                line_amount, try_cast(round(cast(line_quantity as decimal(20, 4)) * line_unit_price, 4) as decimal(18, 4))
            )
        when typed.row = documents.first_row then documents.signed_total
        else 0
    end as amount
from typed
inner join documents on coalesce(typed.order_id, 'row ' || typed.row) = documents.document
order by typed.row
