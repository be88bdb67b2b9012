-- What must hold for a shard of prices: each line counts the rows that break a promise, and may name their symbols.
-- One that fails keeps the shard from being published; one that warns is reported, since prices stay as the source has them.
--   counts    what the shard holds, by counts.sql
--   expected  rows: the lines of the source files, less those set aside
SELECT 'every_row_came_out_once' AS name, 'fail' AS severity, abs(counts.rows - expected.rows) AS value, NULL AS examples FROM counts, expected
UNION ALL
SELECT 'symbol_and_date_are_unique', 'fail', duplicates, NULL FROM counts
UNION ALL
SELECT 'rows_are_in_order', 'fail', out_of_order, NULL FROM counts
UNION ALL
SELECT 'symbol_is_present', 'fail', without_symbol, NULL FROM counts
UNION ALL
SELECT 'date_is_valid', 'fail', without_date, NULL FROM counts
UNION ALL
SELECT 'prices_are_finite', 'fail', not_finite, NULL FROM counts
UNION ALL
SELECT 'row_has_more_than_a_date', 'warn', null_rows, null_symbols FROM counts
UNION ALL
SELECT 'high_is_not_below_low', 'warn', high_below_low, high_below_low_symbols FROM counts
UNION ALL
SELECT 'price_is_not_negative', 'warn', negative_prices, negative_symbols FROM counts
UNION ALL
SELECT 'price_is_below_a_billion', 'warn', prices_over_a_billion, over_a_billion_symbols FROM counts
