-- One row per customer that bought something of a known category and pair whose message has categories: whether each of these
-- is the same as, or declared similar to, one that the customer bought.
with wanted as (
    select ask_id, unnest(categories) as category, len(list_distinct(categories)) as count from asked
),

accepted as (
    select ask_id, count, category, category as bought from wanted
    union
    select wanted.ask_id, wanted.count, wanted.category, similar_categories.neighbour
    from wanted
    inner join similar_categories using (category)
)

select
    categories.customer_id,
    asks.ask_id,
    count(distinct accepted.category) = any_value(asks.count) as products_similar
from bought_categories as categories
cross join (select distinct ask_id, count from wanted) as asks
left join accepted on asks.ask_id = accepted.ask_id and categories.category = accepted.bought
group by 1, 2
