-- What must hold for a shard of prices before it is published: each line counts the rows that break a promise.
--   prices    the shard as written
--   expected  rows: the lines of the source files, less those set aside
SELECT 'every_row_came_out_once' AS name, abs((SELECT count(*) FROM prices) - expected.rows) AS value FROM expected
UNION ALL
SELECT 'symbol_and_date_are_unique', coalesce(sum(times - 1), 0) FROM (SELECT count(*) AS times FROM prices GROUP BY Symbol, Date)
UNION ALL
SELECT 'symbol_is_present', count(*) FROM prices WHERE Symbol IS NULL OR Symbol = ''
