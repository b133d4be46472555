-- One row per row of a contact file: how the customer is named, and what the row says of it.
select
    row as unit,
    line,
    customer_external_id as external,
    lower(customer_email) as email,
    coalesce(customer_mobile, customer_phone, customer_landline) as phone,
    customer_registered_at as registered_at,
    customer_legal_name is not null and coalesce(customer_given_name, customer_family_name, customer_name) is null as is_company,
    customer_tags as tags,
    customer_note as note,
    struct_pack(
        civility := customer_civility,
        given_name := customer_given_name,
        family_name := coalesce(customer_family_name, customer_name),
        legal_name := customer_legal_name,
        email := customer_email,
        mobile := coalesce(customer_mobile, customer_phone),
        landline := customer_landline,
        birth_date := customer_birth_date,
        attributes := case when cardinality(customer_attributes) > 0 then customer_attributes end,
        address := nullif(struct_pack(
            lines := case when customer_street is not null then [customer_street] end,
            postal_code := customer_postal_code,
            city := customer_city,
            region := customer_region,
            country := customer_country
        ), struct_pack(lines := null, postal_code := null, city := null, region := null, country := null)),
        -- a whole name takes the place of both parts
        cleared := case
            when customer_name is not null and coalesce(customer_given_name, customer_family_name) is null then ['given_name']
        end
    ) as profile
from typed
where row not in (select row from bad_rows)
order by row
