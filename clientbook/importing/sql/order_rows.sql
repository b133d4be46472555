-- One row per row of the file that goes in: its line, its document, and what it adds to the control total.
select
    typed.line,
    documents.unit,
    coalesce(
        line_amount,
        try_cast(round(cast(line_quantity as decimal(20, 4)) * line_unit_price, 4) as decimal(18, 4)),
        case when typed.row = documents.first_row then order_total end
    ) as amount
from typed
inner join documents on coalesce(typed.order_id, 'row ' || typed.row) = documents.document
order by typed.row
