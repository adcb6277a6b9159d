/** Rows of equal keys as lines of a table, its head first; numbers to the right. */
export function table(rows: readonly Readonly<Record<string, string>>[]): string[] {
  const [first] = rows;
  if (!first) return [];
  const keys = Object.keys(first);
  const widths = keys.map((key) => Math.max(key.length, ...rows.map((row) => (row[key] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (/^[\d.]+$/.test(cell) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(keys), ...rows.map((row) => line(keys.map((key) => row[key] ?? '')))];
}
