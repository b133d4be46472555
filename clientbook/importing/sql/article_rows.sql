-- One row per row of an order file that names an article or a quantity.
select row, struct_pack(
    sku := line_sku, product := line_product, category := line_category, quantity := line_quantity,
    unit_price := line_unit_price, amount := amount, kind := line_kind
) as line
from priced
where coalesce(line_sku, line_product, line_category) is not null or line_quantity is not null
