-- One row per document of an order file: rows with one order number. `priced` has the rows, `spoilt` the documents to leave out.
-- what: order | refund | adjustment. signed_total: as the file has it.
with summed as (
    select
        document,
        min(row) as first_row,
        min_by(order_id, row) as order_id,
        min(order_placed_at) as placed_at,
        coalesce(min_by(order_total, row), try_cast(sum(amount) as decimal(18, 4))) as signed_total,
        count(order_total) > 0 as states_total,
        coalesce(min_by(upper(order_currency), row), $currency) as currency,
        min_by(order_channel, row) as channel,
        min_by(order_store, row) as store,
        min_by(order_voucher_id, row) as voucher_id,
        min_by(customer_external_id, row) as external,
        lower(min_by(customer_email, row)) as email,
        coalesce(min_by(customer_mobile, row), min_by(customer_phone, row), min_by(customer_landline, row)) as phone
    from priced
    where document not in (select document from spoilt)
    group by document
)

select
    *,
    case
        when list_contains($adjustment_prefixes, regexp_extract(order_id, '^([A-Za-z]+)', 1)) then 'adjustment'
        when list_contains($credit_prefixes, regexp_extract(order_id, '^([A-Za-z]+)', 1)) then 'refund'
        when signed_total < 0 then 'refund'
        else 'order'
    end as what,
    coalesce('x' || external, 'e' || email) as ref,
    first_row as unit
from summed
