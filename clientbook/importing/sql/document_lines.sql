-- One row per row of an order file that names an article or a quantity, and whose document goes in.
select row_units.unit, row_units.row, documents.what, article_rows.line
from row_units
inner join article_rows using (row)
inner join documents using (unit)
