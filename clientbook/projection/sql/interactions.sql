-- One row per thing that happened with a customer: actions of the shop and reactions of the customer on one time line.
-- side: action | reaction | consent | profile | other; of a plugin's type as the plugin says, `other` where it is gone. amount: signed, in `currency`.
select
    customer_id,
    occurred_at,
    position,
    type,
    case
        when type in (
            'message_sent', 'call_made', 'meeting_held', 'visit_made', 'social_interaction', 'voucher_issued'
        ) then 'action'
        when type in (
            'order_placed', 'order_cancelled', 'order_refunded', 'balance_adjusted', 'contract_opened', 'contract_closed',
            'cart_abandoned', 'quote_requested', 'sample_requested', 'survey_answered', 'contest_entered',
            'review_posted', 'message_opened', 'message_clicked', 'message_bounced', 'complaint_made', 'store_visited',
            'site_visited', 'voucher_redeemed'
        ) then 'reaction'
        when type in (
            'customer_registered', 'profile_updated', 'account_opened', 'account_closed', 'identifier_linked',
            'identifier_unlinked', 'customers_merged', 'customers_unmerged', 'tag_added', 'tag_removed', 'note_added'
        ) then 'profile'
        when type in (
            'consent_requested', 'consent_given', 'consent_confirmed', 'consent_renewed', 'consent_refused',
            'consent_withdrawn', 'consent_invalidated', 'opt_out_offered', 'objection_raised', 'objection_lifted',
            'address_suppressed', 'suppression_lifted', 'do_not_call_checked', 'call_refused', 'processing_restricted',
            'restriction_lifted', 'death_reported', 'access_requested', 'access_answered', 'erasure_requested',
            'erasure_refused'
        ) then 'consent'
        else coalesce(event_sides.side, 'other')
    end as side,
    coalesce(
        message_sent.channel, message_opened.channel, message_clicked.channel, message_bounced.channel,
        complaint_made.channel, order_placed.channel, social_interaction.network,
        case when type in ('call_made', 'call_refused', 'do_not_call_checked') then 'phone' end,
        consent_requested.channel, consent_given.channel, consent_confirmed.channel, consent_renewed.channel,
        consent_refused.channel, consent_withdrawn.channel, consent_invalidated.channel, opt_out_offered.channel,
        objection_raised.channel, objection_lifted.channel, address_suppressed.channel, suppression_lifted.channel
    ) as channel,
    coalesce(
        message_sent.campaign, message_opened.campaign, message_clicked.campaign, message_bounced.campaign,
        complaint_made.campaign
    ) as campaign,
    coalesce(
        order_placed.order_id, order_cancelled.order_id, order_refunded.order_id, order_refunded.refund_id,
        balance_adjusted.adjustment_id, contract_opened.contract_id, contract_closed.contract_id, cart_abandoned.cart_id,
        quote_requested.quote_id, sample_requested.sample_id, voucher_issued.voucher_id, voucher_redeemed.voucher_id,
        account_opened.external_id, account_closed.external_id
    ) as reference,
    coalesce(
        order_placed.total, -order_refunded.amount, balance_adjusted.amount, cart_abandoned.amount, quote_requested.amount,
        voucher_issued.amount, voucher_redeemed.amount
    ) as amount,
    coalesce(
        order_placed.currency, order_refunded.currency, balance_adjusted.currency, cart_abandoned.currency,
        quote_requested.currency
    ) as currency,
    coalesce(
        note_added.text, call_made.summary, meeting_held.summary, visit_made.summary, social_interaction.summary,
        call_made.outcome, meeting_held.outcome, visit_made.outcome, message_sent.subject, message_sent.purpose,
        message_clicked.url, message_bounced.kind, tag_added.tag, tag_removed.tag, store_visited.store, site_visited.page,
        survey_answered.survey, contest_entered.contest, review_posted.sku, order_cancelled.reason, order_refunded.reason,
        balance_adjusted.reason, contract_opened.category, voucher_issued.reason, order_placed.store,
        customer_registered.collected_via, identifier_linked.value, identifier_unlinked.value,
        array_to_string(coalesce(
            consent_requested.purposes, consent_given.purposes, consent_confirmed.purposes, consent_renewed.purposes,
            consent_refused.purposes, consent_withdrawn.purposes, consent_invalidated.purposes
        ), ', '),
        objection_raised.purpose, objection_raised.scope, objection_lifted.scope, address_suppressed.cause,
        processing_restricted.ground, restriction_lifted.ground, access_requested.ground, access_answered.ground,
        erasure_requested.ground, erasure_refused.ground, profile_updated.email, profile_updated.address.city,
        call_refused.reason
    ) as summary,
    coalesce(
        call_made.direction, meeting_held.direction, visit_made.direction, social_interaction.direction
    ) as direction,
    coalesce(survey_answered.score, contest_entered.score, review_posted.score) as score,
    source,
    actor
from events
left join event_sides using (type)
where customer_id is not null
