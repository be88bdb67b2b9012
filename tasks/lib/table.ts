/** A number without decimals, its thousands parted by commas. */
export function formatCount(number: number): string {
  return Math.round(number).toLocaleString('en-US');
}

/** Lines a table up for a terminal: columns of numbers to the right, others to the left. The first row is the head. */
export function formatTable(rows: string[][]): string {
  const [head = [], ...body] = rows;
  const columns = head.map((_, column) => ({
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
