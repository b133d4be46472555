-- One row per sound row of a document another row of which was set aside: half an order would be another order.
select row, line, '', '', 'order.incomplete', $message
from typed
where
    coalesce(order_id, 'row ' || row) in (select document from spoilt)
    and row not in (select row from bad_rows)
