-- The rows to train on, in log units (those of logVolume and signedLog in serving/model.ts): those before the validation block, less each symbol's last rows before it,
-- so that no window of the validation block reaches into a training row. A row counts half as much for each half-life of its age.
--   features                                 one shard
--   variables validation_from, embargo
--   variable half_life                       in years
SELECT
  CAST(ln(1 + vol_moving_avg) AS FLOAT) AS log_average,
  CAST(sign(adj_close_rolling_med) * ln(1 + abs(adj_close_rolling_med)) AS FLOAT) AS signed_log_median,
  CAST(ln(1 + Volume) - ln(1 + vol_moving_avg) AS FLOAT) AS log_ratio,
  CAST(power(0.5, date_diff('day', CAST(Date AS DATE), CAST(getvariable('validation_from') AS DATE)) / 365.25 / getvariable('half_life')) AS FLOAT) AS weight
FROM features
WHERE Date < getvariable('validation_from') AND vol_moving_avg IS NOT NULL AND adj_close_rolling_med IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY Symbol ORDER BY Date DESC) > getvariable('embargo')
ORDER BY Symbol, Date
