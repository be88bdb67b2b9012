-- The rows of the CSV files, in the order of the files: by symbol, and nearly always by date.
--   csv    the rows, with the path of their file as "filename"; Volume is a double: some have 123.0
--   files  path, symbol and security_name of each file
SELECT
  files.symbol AS Symbol,
  files.security_name AS "Security Name",
  csv.Date,
  csv.Open,
  csv.High,
  csv.Low,
  csv.Close,
  csv."Adj Close",
  CASE
    WHEN csv.Volume IS NULL OR (csv.Volume = floor(csv.Volume) AND csv.Volume BETWEEN 0 AND 9007199254740991)
    THEN CAST(csv.Volume AS BIGINT)
    ELSE error('not a whole number')
  END AS Volume
FROM csv
JOIN files ON files.path = csv.filename
