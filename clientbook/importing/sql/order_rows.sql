-- One row per row of the file that goes in: its line, its document, and what it adds to the control total. A document's own
-- total counts once, on its first row; without one its lines add up.
select
    priced.line,
    row_units.unit,
    case
        when not documents.states_total then priced.amount
        when priced.row = documents.first_row then documents.signed_total
        else 0
    end as amount
from priced
inner join row_units using (row)
inner join documents using (unit)
order by priced.row
