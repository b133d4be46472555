-- At most one row: which categories of products are similar, as the shop said last.
select settings_changed.similar_products as similar_products, occurred_at as set_at, position
from events
where settings_changed.similar_products is not null
qualify row_number() over (order by occurred_at desc, position desc) = 1
