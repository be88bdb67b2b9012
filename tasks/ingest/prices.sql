-- One row for each row of the CSV files, sorted by Symbol, Date.
--   csv    the files as they are, Volume as a double since some files write 123.0
--   files  path, symbol and security_name of each file
-- What a CSV reader lets pass but a price cannot be ends the query with an error.
SELECT
  files.symbol AS Symbol,
  files.security_name AS "Security Name",
  CASE
    WHEN regexp_full_match(csv.Date, '\d{4}-\d{2}-\d{2}') AND TRY_CAST(csv.Date AS DATE) IS NOT NULL THEN csv.Date
    ELSE error('not a date')
  END AS Date,
  CASE WHEN csv.Open IS NULL OR isfinite(csv.Open) THEN csv.Open ELSE error('not finite') END AS Open,
  CASE WHEN csv.High IS NULL OR isfinite(csv.High) THEN csv.High ELSE error('not finite') END AS High,
  CASE WHEN csv.Low IS NULL OR isfinite(csv.Low) THEN csv.Low ELSE error('not finite') END AS Low,
  CASE WHEN csv.Close IS NULL OR isfinite(csv.Close) THEN csv.Close ELSE error('not finite') END AS Close,
  CASE WHEN csv."Adj Close" IS NULL OR isfinite(csv."Adj Close") THEN csv."Adj Close" ELSE error('not finite') END AS "Adj Close",
  CASE
    WHEN csv.Volume IS NULL OR (csv.Volume = floor(csv.Volume) AND csv.Volume BETWEEN 0 AND 9007199254740991)
    THEN CAST(csv.Volume AS BIGINT)
    ELSE error('not a whole number')
  END AS Volume
FROM csv
JOIN files ON files.path = csv.filename
ORDER BY Symbol, Date
