-- One row per refund of the file that belongs to exactly one order: of the same customer, before it, holding all its lines
-- (article, price, at least that quantity), and not yet paid back by earlier ones. A refund that the book knows keeps its link.
with known_refunds as (
    select refund_id, any_value(order_id) as order_id, sum(amount) as amount
    from refunds
    where source = $source and refund_id is not null
    group by refund_id
),

paid_before as (
    select order_id, sum(amount) as amount
    from known_refunds
    where order_id is not null
    group by order_id
),

refund_lines as (
    select unit, ref, placed_at, line.sku as sku, abs(line.unit_price) as unit_price, sum(abs(line.quantity)) as quantity
    from (
        select unit, ref, placed_at, line
        from documents
        inner join document_lines using (unit)
        where
            documents.what = 'refund' and ref is not null
            and (order_id is null or order_id not in (select refund_id from known_refunds))
    )
    group by all
),

file_lines as (
    select
        order_id, ref, placed_at, line.sku as sku, abs(line.unit_price) as unit_price,
        sum(line.quantity) as quantity, any_value(left_to_pay_back) as total
    from (
        select
            documents.order_id, ref, placed_at, line,
            signed_total - coalesce(paid_before.amount, 0) as left_to_pay_back
        from documents
        inner join document_lines using (unit)
        left join paid_before using (order_id)
        where documents.what = 'order' and ref is not null and documents.order_id is not null
    )
    group by order_id, ref, placed_at, sku, unit_price
),

book_lines as (
    select
        order_lines.order_id, case identifiers.kind when 'external' then 'x' else 'e' end || identifiers.value as ref,
        order_lines.placed_at, order_lines.sku, abs(order_lines.unit_price) as unit_price,
        sum(order_lines.quantity) as quantity, any_value(orders.revenue) as total
    from order_lines
    inner join orders using (source, order_id)
    inner join identifiers
        on order_lines.customer_id = identifiers.customer_id
        and (identifiers.kind = 'email' or identifiers.kind = 'external' and identifiers.source = $source)
    where order_lines.source = $source and order_lines.order_id not in (select order_id from documents where order_id is not null)
    group by 1, 2, 3, 4, 5
),

order_lines_known as (
    select * from file_lines
    union all
    select * from book_lines
),

fits as (
    select refund_lines.unit, known.order_id, any_value(known.total) as total
    from refund_lines
    inner join order_lines_known as known
        on refund_lines.ref = known.ref
        and refund_lines.sku = known.sku
        and refund_lines.unit_price = known.unit_price
        and refund_lines.quantity <= known.quantity
        and known.placed_at <= refund_lines.placed_at
    group by refund_lines.unit, known.order_id
    having count(*) = (select count(*) from refund_lines as own where own.unit = refund_lines.unit)
),

only_one as (
    select unit, any_value(order_id) as order_id, any_value(total) as total
    from fits
    group by unit
    having count(*) = 1
),

running as (
    select
        only_one.unit, only_one.order_id, only_one.total,
        sum(-documents.signed_total) over (
            partition by only_one.order_id order by documents.placed_at, only_one.unit
        ) as paid_back
    from only_one
    inner join documents on only_one.unit = documents.unit
)

select unit, order_id
from running
where paid_back <= total
union all
select documents.unit, known_refunds.order_id
from documents
inner join known_refunds on documents.order_id = known_refunds.refund_id
where documents.what = 'refund' and known_refunds.order_id is not null
