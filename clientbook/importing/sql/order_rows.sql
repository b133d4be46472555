-- One row per row of the file that goes in: its line, its document, and what it adds to the control total.
select
    priced.line,
    row_units.unit,
    coalesce(amount, case when priced.row = row_units.unit then order_total end) as amount
from priced
inner join row_units using (row)
order by priced.row
