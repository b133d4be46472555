-- One row per customer known by the instant `$at`: counts and amounts as they stood then, the profile as it is now.
-- Reads orders, refunds and interactions as they were then.
with bought as (
    select
        customer_id,
        count(*) as order_count,
        min(placed_at) as first_order_at,
        max(placed_at) as last_order_at,
        sum(gross) filter (where orders.currency = book.currency) as gross,
        sum(gross - revenue) filter (where orders.currency = book.currency) as refunded,
        count(*) filter (where orders.currency is distinct from book.currency) as foreign_order_count,
        count(*) filter (where orders.currency = book.currency) as home_order_count
    from orders
    cross join main.book
    where customer_id is not null and status <> 'cancelled'
    group by customer_id
),

cancelled as (
    select customer_id, count(*) as cancelled_count
    from orders
    where customer_id is not null and status = 'cancelled'
    group by customer_id
),

loose as (
    select customer_id, sum(amount) as amount
    from refunds
    cross join main.book
    where customer_id is not null and not is_linked and refunds.currency = book.currency
    group by customer_id
),

acts as (
    select
        customer_id,
        count(*) as event_count,
        max(occurred_at) as last_event_at,
        count(*) filter (where type = 'note_added') as note_count,
        count(*) filter (where type = 'message_sent') as message_count,
        count(*) filter (where type = 'cart_abandoned') as cart_count,
        count(*) filter (where type = 'quote_requested') as quote_count,
        max(occurred_at) filter (
            where type in ('message_sent', 'call_made', 'meeting_held', 'visit_made', 'social_interaction', 'voucher_issued')
        ) as last_action_at,
        max(occurred_at) filter (
            where type in (
                'order_placed', 'cart_abandoned', 'quote_requested', 'sample_requested', 'survey_answered',
                'contest_entered', 'review_posted', 'message_clicked', 'store_visited', 'site_visited', 'voucher_redeemed'
            )
        ) as last_reaction_at
    from interactions
    group by customer_id
)

select
    customers.* replace (
        coalesce(bought.order_count, 0) as order_count,
        cast(coalesce(bought.gross, 0) as decimal(38, 4)) as gross,
        cast(coalesce(bought.refunded, 0) + coalesce(loose.amount, 0) as decimal(38, 4)) as refunded,
        cast(coalesce(bought.gross, 0) - coalesce(bought.refunded, 0) - coalesce(loose.amount, 0) as decimal(38, 4)) as revenue,
        cast(round(
            (bought.gross - coalesce(bought.refunded, 0) - coalesce(loose.amount, 0)) / nullif(bought.home_order_count, 0), 4
        ) as decimal(38, 4)) as average_basket,
        bought.first_order_at as first_order_at,
        bought.last_order_at as last_order_at,
        coalesce(cancelled.cancelled_count, 0) as cancelled_count,
        coalesce(bought.foreign_order_count, 0) as foreign_order_count,
        acts.cart_count as cart_count,
        acts.quote_count as quote_count,
        acts.message_count as message_count,
        acts.note_count as note_count,
        acts.last_action_at as last_action_at,
        acts.last_reaction_at as last_reaction_at,
        acts.event_count as event_count,
        acts.last_event_at as last_event_at
    )
from {customers} as customers
inner join acts using (customer_id)
left join bought using (customer_id)
left join cancelled using (customer_id)
left join loose using (customer_id)
