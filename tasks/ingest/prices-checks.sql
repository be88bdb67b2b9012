-- The checks of a shard of prices. Each counts rows that break it, and can name their symbols.
-- 'fail' keeps the shard from being published. 'warn' only reports: prices stay as in the source.
--   counts    the result of prices-counts.sql
--   expected  rows: the number of lines in the source files without quarantined ones
SELECT 'every_row_came_out_once' AS name, 'fail' AS severity, abs(counts.rows - expected.rows) AS value, NULL AS examples FROM counts, expected
UNION ALL
SELECT 'symbol_and_date_are_unique', 'fail', duplicates, NULL FROM counts
UNION ALL
SELECT 'rows_are_in_order', 'fail', out_of_order, NULL FROM counts
UNION ALL
SELECT 'symbol_is_present', 'fail', missing_symbols, NULL FROM counts
UNION ALL
SELECT 'date_is_valid', 'fail', invalid_dates, NULL FROM counts
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
