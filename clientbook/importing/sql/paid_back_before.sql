-- One row per order of this source: what earlier files said was paid back in all.
select order_id, sum(amount) as amount
from refunds
where source = $source and (refund_id = order_id or starts_with(refund_id, order_id || ' / '))
group by order_id
