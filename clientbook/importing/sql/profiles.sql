-- One row per change of what an order file says of a customer: at the customer's first document, and where a value differs.
with stated as (
    select
        documents.external, documents.email, documents.phone, documents.ref, documents.placed_at, documents.unit,
        struct_pack(
            civility := min_by(typed.customer_civility, typed.row),
            given_name := min_by(typed.customer_given_name, typed.row),
            family_name := coalesce(min_by(typed.customer_family_name, typed.row), min_by(typed.customer_name, typed.row)),
            legal_name := min_by(typed.customer_legal_name, typed.row),
            email := min_by(typed.customer_email, typed.row),
            mobile := coalesce(min_by(typed.customer_mobile, typed.row), min_by(typed.customer_phone, typed.row)),
            landline := min_by(typed.customer_landline, typed.row),
            birth_date := min_by(typed.customer_birth_date, typed.row),
            address := nullif(struct_pack(
                lines := case when count(typed.customer_street) > 0 then [min_by(typed.customer_street, typed.row)] end,
                postal_code := min_by(typed.customer_postal_code, typed.row),
                city := min_by(typed.customer_city, typed.row),
                region := min_by(typed.customer_region, typed.row),
                country := min_by(typed.customer_country, typed.row)
            ), struct_pack(lines := null, postal_code := null, city := null, region := null, country := null)),
            -- a whole name takes the place of both parts
            cleared := case
                when count(typed.customer_name) > 0
                    and count(typed.customer_given_name) = 0 and count(typed.customer_family_name) = 0 then ['given_name']
            end
        ) as profile
    from documents
    inner join row_units using (unit)
    inner join typed on row_units.row = typed.row
    where coalesce(documents.ref, documents.phone) is not null
    group by all
),

compared as (
    select
        *,
        lag(profile) over (partition by coalesce(ref, phone) order by placed_at, unit) as before
    from stated
)

select external, email, phone, placed_at, profile
from compared
where profile is distinct from before
order by unit
