-- Counts what is in a shard of prices, as read back from its file.
--   prices  the shard, in the order of the file
-- "extreme" and "empty_rows" are cheap: DuckDB skips row groups whose statistics exclude such rows.
WITH with_previous AS (
  SELECT Symbol, Date, lag(Symbol) OVER () AS previous_symbol, lag(Date) OVER () AS previous_date
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
),
extreme AS (
  SELECT Symbol, Date, Open AS price FROM prices WHERE Open < 0 OR Open > 1e9
  UNION ALL
  SELECT Symbol, Date, High FROM prices WHERE High < 0 OR High > 1e9
  UNION ALL
  SELECT Symbol, Date, Low FROM prices WHERE Low < 0 OR Low > 1e9
  UNION ALL
  SELECT Symbol, Date, Close FROM prices WHERE Close < 0 OR Close > 1e9
  UNION ALL
  SELECT Symbol, Date, "Adj Close" FROM prices WHERE "Adj Close" < 0 OR "Adj Close" > 1e9
),
extremes AS (
  SELECT
    -- DuckDB sorts NaN above all numbers, so "extreme" has it.
    count(DISTINCT (Symbol, Date)) FILTER (NOT isfinite(price)) AS not_finite,
    count(DISTINCT (Symbol, Date)) FILTER (price < 0) AS negative_prices,
    list(DISTINCT Symbol) FILTER (price < 0) AS negative_symbols,
    count(DISTINCT (Symbol, Date)) FILTER (price > 1e9) AS prices_over_a_billion,
    list(DISTINCT Symbol) FILTER (price > 1e9) AS over_a_billion_symbols
  FROM extreme
),
inverted AS (
  SELECT count(*) AS high_below_low, list(DISTINCT Symbol) AS high_below_low_symbols
  FROM prices
  WHERE High < Low
),
empty_rows AS (
  SELECT count(*) AS null_rows, list(DISTINCT Symbol) AS null_symbols
  FROM prices
  WHERE Open IS NULL AND High IS NULL AND Low IS NULL AND Close IS NULL AND "Adj Close" IS NULL AND Volume IS NULL
),
in_order AS (
  SELECT
    count(*) AS rows,
    count(*) FILTER (Symbol IS DISTINCT FROM previous_symbol) AS symbols,
    count(*) FILTER (Symbol IS NULL OR Symbol = '') AS missing_symbols,
    count(*) FILTER (Symbol < previous_symbol OR (Symbol = previous_symbol AND Date < previous_date)) AS out_of_order,
    count(*) FILTER (Symbol = previous_symbol AND Date = previous_date) AS duplicates
  FROM with_previous
)
SELECT
  in_order.*,
  extremes.*,
  inverted.*,
  empty_rows.*,
  (SELECT coalesce(sum(rows), 0) FROM days WHERE Date IS NULL OR CAST(TRY_CAST(Date AS DATE) AS VARCHAR) IS DISTINCT FROM Date OR NOT regexp_full_match(Date, '\d{4}-\d{2}-\d{2}')) AS invalid_dates,
  (SELECT list({'month': month, 'rows': CAST(rows AS DOUBLE)} ORDER BY month) FROM months) AS months,
  (SELECT max(Date) FROM days) AS last_date,
  (SELECT count(*) FROM prices WHERE Volume = 0) AS zero_volumes
FROM in_order, extremes, inverted, empty_rows
