-- One row per act of consent that the file tells of: at its own date, or at the import's where it has none.
-- A no takes back a consent that the book has; where none is there it is a refusal, unless it only means "not subscribed".
with named as (
    select
        cells.*,
        speakers.unit,
        typed.customer_external_id as external,
        lower(typed.customer_email) as email,
        coalesce(typed.customer_mobile, typed.customer_phone, typed.customer_landline) as phone,
        case
            when cells.channel = 'email' then lower(typed.customer_email)
            when cells.channel in ('sms', 'phone')
                then coalesce(typed.customer_mobile, typed.customer_phone, typed.customer_landline)
        end as address,
        typed.consent_surface as surface,
        typed.consent_method as method,
        typed.consent_form_id as form_id,
        typed.consent_url as url,
        typed.consent_ip as ip,
        typed.consent_notice_id as notice_id,
        typed.consent_notice_version as notice_version,
        typed.consent_reason as reason,
        import_moment.moment as imported_at
    from permission_cells as cells
    inner join speakers using (row)
    inner join typed using (row)
    cross join import_moment
),

given_before as (
    select distinct channel, subject_address as address, purpose
    from consent_history
    where act in ('consent_given', 'consent_confirmed', 'consent_renewed')
),

judged as (
    select
        *,
        coalesce(external, email, phone) as ref,
        case
            when withdrawn_at is not null then 'consent_withdrawn'
            when flag or not has_flag and coalesce(given_at, confirmed_at) is not null then 'consent_given'
            when not flag and $no = 'refused' then 'consent_refused'
            when not flag and exists (
                select 1
                from given_before
                where given_before.channel = named.channel and list_contains(named.purposes, given_before.purpose)
                    and given_before.address = case
                        when named.channel = 'email' then named.address
                        else right(regexp_replace(named.address, '[^0-9]', '', 'g'), 9)
                    end
            ) then 'consent_withdrawn'
        end as type
    from named
)

select
    unit,
    type,
    external,
    email,
    phone,
    ref,
    channel || ' ' || array_to_string(purposes, ',') || ' '
    || coalesce(cast(epoch_us(case type when 'consent_given' then coalesce(confirmed_at, given_at) else withdrawn_at end) as varchar), '')
    as said,
    coalesce(case type when 'consent_given' then coalesce(confirmed_at, given_at) else withdrawn_at end, imported_at) as occurred_at,
    struct_pack(
        channel := channel,
        purposes := purposes,
        address := address,
        notice_id := notice_id,
        notice_version := notice_version,
        surface := surface,
        method := coalesce(method, case when type = 'consent_given' and confirmed_at is not null then 'double_opt_in' end),
        form_id := coalesce(form_id, question),
        url := url,
        ip_truncated := ip,
        reason := case when type <> 'consent_given' then reason end,
        opt_in_level := case
            when type <> 'consent_given' then null
            when confirmed_at is not null or is_confirmed then 'CONFIRMED_OPT_IN'
            when given_at is not null then 'SINGLE_OPT_IN'
            else 'UNKNOWN'
        end,
        undated := case
            when case type when 'consent_given' then coalesce(confirmed_at, given_at) else withdrawn_at end is null then true
        end
    ) as event
from judged
where type is not null
order by unit, channel, purposes
