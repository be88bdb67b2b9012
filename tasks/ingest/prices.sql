-- One row for each row of the CSV files, in their order: the files come by symbol, and their rows nearly always by date.
--   csv    the files as they are, Volume as a double since some files write 123.0
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
