-- What a shard of prices holds, counted in one pass over the file as it was written.
--   prices  the shard, in the order of the file
WITH followed AS (
  SELECT *, lag(Symbol) OVER () AS symbol_before, lag(Date) OVER () AS date_before
  FROM prices
),
days AS (
  SELECT Date, count(*) AS rows
  FROM prices
  GROUP BY Date
),
months AS (
  SELECT left(Date, 7) AS month, sum(rows) AS rows
  FROM days
  WHERE Date IS NOT NULL
  GROUP BY month
)
SELECT
  count(*) AS rows,
  count(*) FILTER (Symbol IS DISTINCT FROM symbol_before) AS symbols,
  count(*) FILTER (Symbol IS NULL OR Symbol = '') AS without_symbol,
  count(*) FILTER (Symbol < symbol_before OR (Symbol = symbol_before AND Date < date_before)) AS out_of_order,
  count(*) FILTER (Symbol = symbol_before AND Date = date_before) AS duplicates,
  (SELECT coalesce(sum(rows), 0) FROM days WHERE Date IS NULL OR CAST(TRY_CAST(Date AS DATE) AS VARCHAR) IS DISTINCT FROM Date) AS without_date,
  (SELECT list({'month': month, 'rows': CAST(rows AS DOUBLE)} ORDER BY month) FROM months) AS months,
  (SELECT max(Date) FROM days) AS last_date,
  count(*) FILTER (NOT (isfinite(Open) AND isfinite(High) AND isfinite(Low) AND isfinite(Close) AND isfinite("Adj Close"))) AS not_finite,
  count(*) FILTER (coalesce(Open, High, Low, Close, "Adj Close", Volume) IS NULL) AS null_rows,
  list(DISTINCT Symbol) FILTER (coalesce(Open, High, Low, Close, "Adj Close", Volume) IS NULL) AS null_symbols,
  count(*) FILTER (Volume = 0) AS zero_volumes,
  count(*) FILTER (High < Low) AS high_below_low,
  list(DISTINCT Symbol) FILTER (High < Low) AS high_below_low_symbols,
  count(*) FILTER (Open < 0 OR High < 0 OR Low < 0 OR Close < 0 OR "Adj Close" < 0) AS negative_prices,
  list(DISTINCT Symbol) FILTER (Open < 0 OR High < 0 OR Low < 0 OR Close < 0 OR "Adj Close" < 0) AS negative_symbols,
  count(*) FILTER (Open > 1e9 OR High > 1e9 OR Low > 1e9 OR Close > 1e9 OR "Adj Close" > 1e9) AS prices_over_a_billion,
  list(DISTINCT Symbol) FILTER (Open > 1e9 OR High > 1e9 OR Low > 1e9 OR Close > 1e9 OR "Adj Close" > 1e9) AS over_a_billion_symbols
FROM followed
