-- One row: vouchers issued between two days, and how many of them were used.
with issued as (
    select reference, min(occurred_at) as issued_at
    from interactions
    where type = 'voucher_issued' and reference is not null
    group by reference
),

used as (
    select distinct reference
    from interactions
    where type = 'voucher_redeemed' and reference is not null
)

select count(*) as issued, count(used.reference) as used
from issued
cross join book
left join used on issued.reference = used.reference
where issued.issued_at >= timezone(book.timezone, cast(cast($since as date) + 1 as timestamp))
    and issued.issued_at < timezone(book.timezone, cast(cast($until as date) + 1 as timestamp))
