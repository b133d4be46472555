-- One row per customer and pair that is asked about: the reason code of the decision, as docs/reference/decisions.md lists them,
-- first hit first; warnings; evidence, positions in the log. What is not known never permits.
with ask as (
    select * from asked where ask_id = {ask_id}
),

here as (
    select
        customer_id, purpose, state, consented_at, position,
        struct_pack(
            state := state, proof_grade := proof_grade, opt_in_level := opt_in_level, consented_at := consented_at,
            is_form := is_form, "position" := "position", renewal_position := renewal_position
        ) as consent,
        case state
            when 'granted' then 1 when 'pending' then 2 when 'withdrawn' then 3 when 'refused' then 4 when 'invalidated' then 5
            when 'expired' then 6 when 'requested' then 7 else 8
        end as rank
    from states
    where is_current and channel = {channel}
),

on_channel as (
    select
        customer_id,
        max(consent) filter (where purpose = {purpose}) as own,
        min_by(consent, row(rank, -epoch_us(consented_at), position)) as best,
        min_by(consent, row(-epoch_us(consented_at), position)) filter (where state = 'pending') as pending,
        bool_or(state = 'granted') as has_grant,
        bool_or(state = 'granted' and purpose = 'partner_offers') as has_partners,
        min_by(consent, row(case state when 'withdrawn' then 1 else 2 end, -epoch_us(consented_at), position))
            filter (where state in ('refused', 'withdrawn')) as refusal
    from here
    group by customer_id
),

offered as (
    select history.customer_id, max(history.position) as position
    from consent_history as history
    cross join decision
    where history.act = 'opt_out_offered' and history.channel = {channel} and history.customer_id is not null
        and history.occurred_at <= decision.at
    group by history.customer_id
),

joined as (
    select
        facts.*,
        ask.*,
        coalesce(ask.products_similar, similarity.products_similar) as is_similar,
        case ask.purpose
            when 'doi_confirmation' then on_channel.pending
            when 'consent_refresh' then on_channel.best
            else on_channel.own
        end as consent,
        coalesce(on_channel.has_grant, false) as has_channel_grant,
        coalesce(on_channel.has_partners, false) as has_partners,
        on_channel.refusal,
        coalesce(grants.has_grant, false) as has_grant,
        coalesce(grants.has_parental, false) as has_parental,
        grants.last_grant,
        future.position as future_position,
        objections.scope as objection,
        objections.position as objection_position,
        suppressions.cause as suppression,
        suppressions.position as suppression_position,
        offered.position is not null as opt_out_offered,
        offered.position as offered_position
    from facts
    cross join ask
    left join on_channel on facts.customer_id = on_channel.customer_id
    left join grants on facts.customer_id = grants.customer_id
    left join (select * from future_consents where channel = {channel} and purpose = {purpose}) as future
        on facts.customer_id = future.customer_id
    left join (select * from objections where ask_id = {ask_id}) as objections
        on facts.customer_id = objections.customer_id
    left join (select * from suppressions where channel = {channel}) as suppressions
        on facts.customer_id = suppressions.customer_id
    left join offered on facts.customer_id = offered.customer_id
    left join (select * from similarity where ask_id = {ask_id}) as similarity
        on facts.customer_id = similarity.customer_id
),

failing as (
    select
        joined.*,
        case
            when consent is null and future_position is not null then 'CONSENT_NOT_YET'
            when consent is null and has_channel_grant then 'CONSENT_WRONG_PURPOSE'
            when consent is null and has_grant then 'CONSENT_WRONG_CHANNEL'
            when consent is null or consent.state = 'never_asked' then 'NO_CONSENT'
            when consent.state <> 'granted' then 'CONSENT_' || upper(consent.state)
            when third_party_content is distinct from false and not has_partners then 'CONSENT_WRONG_PURPOSE'
            when collected_via = 'bought' and names_us is distinct from true then 'LIST_NOT_NAMED'
            when consent.proof_grade is null or consent.proof_grade > decision.minimum_proof_grade then 'CONSENT_UNPROVEN'
            when decision.require_double_opt_in and channel = 'email'
                and (
                    coalesce(collected_via, 'contest') in ('own_form', 'contest')
                    or consent.is_form
                )
                and consent.opt_in_level is distinct from 'CONFIRMED_OPT_IN' then 'CONSENT_NOT_CONFIRMED'
        end as failure,
        consent.state = 'granted' and decision.day > cast(
            cast(timezone(decision.timezone, consent.consented_at) as date)
            + to_months(decision.reconfirm_months) as date
        ) as is_stale,
        decision.day > cast(
            greatest(last_positive_act, last_purchase, last_grant) + to_months(decision.retention_months) as date
        ) as is_beyond_retention,
        last_purchase is not null or (decision.account_counts_as_customer and has_account) as is_customer,
        informed_at_collection is not distinct from true and opt_out_offered as could_refuse
    from joined
    cross join decision
),

usable as (
    select
        failing.*,
        failure is null and coalesce(not (is_stale and decision.stale_blocks), false) as is_usable,
        coalesce(failure, 'CONSENT_STALE') as lacking
    from failing
    cross join decision
),

coded as (
    select
        usable.*,
        case
            when status = 'deceased' then 'DECEASED'
            when status = 'restricted' and purpose <> 'legal_notice' then 'RESTRICTED'
            when purpose in ('order_service', 'contest_admin', 'legal_notice', 'doi_confirmation') and promotional
                then 'PROMO_IN_SERVICE_MESSAGE'
            when purpose = 'doi_confirmation' and consent is null then 'NOTHING_TO_CONFIRM'
            when purpose = 'doi_confirmation' and suppression is not null
                then 'SUPPRESSED_' || case suppression when 'bounce' then 'HARD_BOUNCE' else upper(suppression) end
            when purpose = 'doi_confirmation' then 'OK_DOI'
            when purpose = 'legal_notice' then 'OK_LEGAL_OBLIGATION'
            when purpose in ('order_service', 'contest_admin') then 'OK_CONTRACT'
            when objection = 'all' then 'OBJECTED_ALL'
            when objection = 'channel' then 'OBJECTED_CHANNEL'
            when objection is not null then 'OBJECTED_PURPOSE'
            when channel in ('email', 'sms') and suppression is not null
                then 'SUPPRESSED_' || case suppression when 'bounce' then 'HARD_BOUNCE' else upper(suppression) end
            when age < decision.consent_age and not has_parental then 'MINOR_NO_PARENTAL_CONSENT'
            when collected_via = 'scraped' and person_kind = 'consumer' then 'ORIGIN_SCRAPED'
            when names_sender is distinct from true then 'MISSING_SENDER'
            when channel in ('email', 'sms', 'push') and unsubscribe is distinct from true then 'MISSING_UNSUB'
            when collected_via = 'bought' and decision.day > licence_until then 'LIST_LICENCE_ENDED'
            when collected_via = 'bought' and names_source is distinct from true and last_positive_act is null
                then 'ART14_SOURCE_MISSING'
            when person_kind = 'generic_pro' and channel = 'email' then 'OK_GENERIC_PRO'
            when is_beyond_retention then 'RETENTION_EXPIRED'
            when purpose = 'consent_refresh' and failure is null then 'OK_REFRESH'
            when purpose = 'consent_refresh' then 'REFRESH_' || failure
            -- Phone, consumers
            when channel = 'phone' and person_kind = 'consumer' then case
                when date_diff('day', call_refused_on, decision.day) < decision.phone_cooldown_days then 'PHONE_COOLDOWN'
                when calls >= decision.phone_max_calls then 'PHONE_FREQUENCY'
                when is_usable then 'OK_CONSENT'
                when not decision.is_calling_time then 'PHONE_HOURS'
                when has_open_contract and is_similar is not distinct from true then 'OK_PHONE_CONTRACT'
                when decision.phone_needs_consent then lacking
                when bloctel_listed is null then 'PHONE_BLOCTEL_UNCHECKED'
                when bloctel_listed then 'PHONE_BLOCTEL'
                when not could_refuse then 'NOT_INFORMED'
                else 'OK_LI_PHONE'
            end
            -- Post, anyone; phone, at work
            when channel in ('post', 'phone') then case
                when is_usable then 'OK_CONSENT'
                when refusal is not null then 'CONSENT_' || upper(refusal.state)
                when not could_refuse then 'NOT_INFORMED'
                when channel = 'post' then 'OK_LI_POST'
                else 'OK_LI_B2B'
            end
            when is_usable then 'OK_CONSENT'
            when consent.state in ('refused', 'withdrawn') then lacking
            when person_kind = 'pro' and channel in ('email', 'sms') then case
                when related_to_occupation is distinct from true then 'B2B_UNRELATED'
                when not could_refuse and names_source is distinct from true then 'NOT_INFORMED'
                else 'OK_LI_B2B'
            end
            when purpose = 'satisfaction_survey' and promotional is distinct from true and last_purchase is not null
                and informed_at_collection then 'OK_LI_SURVEY'
            when channel in ('email', 'sms')
                and purpose in ('own_offers', 'birthday_offer', 'abandoned_cart', 'satisfaction_survey') then case
                when is_customer and collected_from_person is distinct from true then 'SOFT_NOT_COLLECTED_FROM_PERSON'
                when is_customer and third_party_content is distinct from false then 'SOFT_THIRD_PARTY'
                when is_customer and is_similar is null then 'SOFT_SIMILARITY_UNKNOWN'
                when is_customer and not is_similar then 'SOFT_NOT_SIMILAR'
                when is_customer and not could_refuse then 'SOFT_NO_OPTOUT_AT_COLLECTION'
                when is_customer then 'OK_SOFT_OPTIN'
                when has_account and failure = 'NO_CONSENT' then 'SOFT_NOT_CUSTOMER'
                when collected_via in ('gift_recipient', 'marketplace') then 'SOFT_NOT_COLLECTED_FROM_PERSON'
                else lacking
            end
            else lacking
        end as reason_code
    from usable
    cross join decision
)

select
    coded.customer_id,
    coded.ask_id,
    coded.message,
    coded.channel,
    coded.purpose,
    case when reasons.legal_basis is null then 'deny' else 'allow' end as decision,
    coded.reason_code,
    reasons.legal_basis,
    list_concat(
        case when coded.reason_code = 'OK_CONSENT' and coded.is_stale then ['CONSENT_STALE'] else [] end,
        case
            when coded.age >= decision.consent_age and coded.age < decision.adult_age and (
                coded.reason_code in (
                    'OK_CONSENT', 'OK_SOFT_OPTIN', 'OK_LI_SURVEY', 'OK_LI_POST', 'OK_LI_PHONE', 'OK_PHONE_CONTRACT'
                )
                or coded.reason_code = 'OK_LI_B2B' and coded.channel = 'phone'
            ) then ['MINOR_15_17'] else []
        end
    ) as warnings,
    list_sort(list_filter(
        case
            when coded.reason_code in ('DECEASED', 'RESTRICTED') then [coded.status_position]
            when starts_with(coded.reason_code, 'OBJECTED') then [coded.objection_position]
            when starts_with(coded.reason_code, 'SUPPRESSED') then [coded.suppression_position]
            when coded.reason_code = 'PHONE_COOLDOWN' then [coded.call_refused_position]
            when coded.reason_code = 'PHONE_FREQUENCY' then [coded.last_call_position]
            when coded.reason_code in ('PHONE_BLOCTEL', 'OK_LI_PHONE')
                then [coded.bloctel_position, coded.offered_position]
            when coded.reason_code = 'OK_PHONE_CONTRACT' then [coded.contract_position]
            when coded.reason_code = 'CONSENT_NOT_YET' then [coded.future_position]
            when coded.reason_code like '%CONSENT%' or coded.reason_code in ('OK_REFRESH', 'OK_DOI', 'LIST_NOT_NAMED') then
                [coalesce(coded.consent.position, coded.refusal.position), coded.consent.renewal_position]
            when starts_with(coded.reason_code, 'SOFT') or coded.reason_code in ('OK_SOFT_OPTIN', 'OK_LI_SURVEY')
                then [coded.purchase_position, coded.offered_position]
            when coded.reason_code in ('OK_LI_POST', 'OK_LI_B2B') then [coded.offered_position]
            else []
        end,
        lambda one: one is not null
    )) as evidence,
    coded.collected_via
from coded
cross join decision
left join reasons using (reason_code)
