-- What must hold for a shard of features before it is published: each line counts the rows that break a promise.
--   counts    what the shard holds, by counts.sql
--   prices    the shard that the features were made from
SELECT 'one_row_out_for_one_row_in' AS name, 'fail' AS severity, abs(counts.rows - (SELECT count(*) FROM prices)) AS value FROM counts
UNION ALL
SELECT 'no_value_before_a_full_window', 'fail', too_many FROM counts
UNION ALL
SELECT 'value_after_a_full_window', 'fail', too_few FROM counts
UNION ALL
SELECT 'average_is_not_negative', 'fail', negative FROM counts
UNION ALL
SELECT 'features_are_finite', 'fail', not_finite FROM counts
