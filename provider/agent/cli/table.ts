/** Rows below a head, columns aligned by two spaces, no space at a line's end. Ends with a line end. */
export function table(head: string[], rows: string[][]): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  return lines.map((line) => `${aligned(line, widths)}\n`).join("");
}

/** Cells padded to `widths`, joined by two spaces. */
export function aligned(cells: string[], widths: number[]): string {
  return cells
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join("  ")
    .trimEnd();
}
