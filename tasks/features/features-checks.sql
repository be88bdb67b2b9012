-- The checks of a shard of features. Each counts rows that break it. All keep the shard from being
-- published.
--   counts  the result of features-counts.sql
--   prices  the shard of prices that the features were made from
SELECT 'one_row_out_for_one_row_in' AS name, 'fail' AS severity, abs(counts.rows - (SELECT count(*) FROM prices)) AS value FROM counts
UNION ALL
SELECT 'no_value_before_a_full_window', 'fail', extra_values FROM counts
UNION ALL
SELECT 'value_after_a_full_window', 'fail', missing_values FROM counts
UNION ALL
SELECT 'vol_moving_avg_is_not_negative', 'fail', negative FROM counts
UNION ALL
SELECT 'features_are_finite', 'fail', not_finite FROM counts
