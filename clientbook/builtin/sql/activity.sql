-- One row: when something last happened with a customer, was last ordered, and was last imported.
select
    greatest(
        (select max(last_event_at) from customers where last_event_at <= $at),
        (select max(placed_at) from orders where placed_at <= $at)
    ) as event_at,
    (select max(placed_at) from orders where placed_at <= $at) as order_at,
    (select max(imported_at) from batches where undone_at is null and imported_at <= $at) as import_at
