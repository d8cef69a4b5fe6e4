import { printable } from "@socikit/oci";

/** Go's tabwriter as the reference sets it up: cells of at least 8, padded with at least 4 blanks. */
const MIN_WIDTH = 8;
const PADDING = 4;

/**
 * Rows as columns, byte for byte as the reference prints its tables: the first row is the header, and every cell is padded, the
 * last one too.
 */
export function tableText(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => printable(cell)));
  const widths: number[] = [];
  for (const row of cells)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? MIN_WIDTH, [...cell].length + PADDING);
  return cells
    .map((row) => `${row.map((cell, i) => cell + " ".repeat(widths[i]! - [...cell].length)).join("")}\n`)
    .join("");
}
