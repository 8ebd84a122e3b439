// Colours and tables for people; plain text where NO_COLOR is set or the output is not a terminal.

const colours = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** Whether a stream gets colours (NO_COLOR and FORCE_COLOR are obeyed). @see https://no-color.org */
export function hasColour(stream: { isTTY?: boolean } = process.stdout): boolean {
  if (process.env['NO_COLOR']) return false;
  if (process.env['FORCE_COLOR'] && process.env['FORCE_COLOR'] !== '0') return true;
  return stream.isTTY === true && process.env['TERM'] !== 'dumb';
}

export function paint(colour: keyof typeof colours, text: string, on = hasColour()): string {
  return on ? `\x1b[${colours[colour]}m${text}\x1b[0m` : text;
}

/** A table as kubectl prints it: columns three spaces apart, as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]! + 3)))
        .join('')
        .trimEnd(),
    )
    .join('\n');
}
