/** A number without decimals, with commas between thousands. */
export function formatCount(number: number): string {
  return Math.round(number).toLocaleString('en-US');
}

/**
 * A table as aligned text: numbers to the right, other columns to the left. The first row is the
 * header.
 */
export function formatTable(rows: string[][]): string {
  const [header = [], ...body] = rows;
  const columns = header.map((_, column) => ({
    width: Math.max(...rows.map((row) => row[column]?.length ?? 0)),
    isNumeric: body.length > 0 && body.every((row) => /^[-\d.,]*$/.test(row[column] ?? '')),
  }));
  return rows
    .map((row) =>
      columns
        .map(({ width, isNumeric }, column) =>
          isNumeric ? row[column]?.padStart(width) : row[column]?.padEnd(width),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
