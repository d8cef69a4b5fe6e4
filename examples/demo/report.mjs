// The table that the demo ends with.
import { formatBytes, formatDuration } from "@socikit/cli";

const BAR = 28;

/**
 * @typedef {object} Measured
 * @property {number} ms Time until the file was read.
 * @property {number} bytes Bytes on the wire, both ways.
 * @property {number} requests
 */

/**
 * Lays out two ways to the same file, with a bar for each number: one glance should do.
 *
 * @param {Measured} pull
 * @param {Measured} lazy
 * @param {import("@socikit/cli").Colours} colours
 */
export function compareTable(pull, lazy, colours) {
  const rows = [
    ["time", pull.ms, lazy.ms, formatDuration],
    ["on the wire", pull.bytes, lazy.bytes, formatBytes],
    ["requests", pull.requests, lazy.requests, String],
  ];
  const width = Math.max(...rows.flatMap(([, a, b, format]) => [format(a).length, format(b).length]));
  const bar = (value, most, paint) => {
    const full = Math.max(1, Math.round((value / most) * BAR));
    return `${paint("█".repeat(full))}${" ".repeat(BAR - full)}`;
  };
  const inner = 14 + 8 + width + 2 + BAR + 2;
  const line = (text, length) => `  │ ${text}${" ".repeat(Math.max(0, inner - length))}│`;
  const lines = [`  ╭${"─".repeat(inner + 1)}╮`];
  for (const [i, [name, a, b, format]] of rows.entries()) {
    if (i > 0) lines.push(`  ├${"─".repeat(inner + 1)}┤`);
    const most = Math.max(a, b);
    const row = (title, way, value, paint) =>
      line(
        `${colours.bold(title.padEnd(14))}${way.padEnd(8)}${format(value).padStart(width)}  ${bar(value, most, paint)}`,
        inner - 2,
      );
    lines.push(row(name, "pull", a, colours.yellow), row("", "lazy", b, colours.green));
  }
  lines.push(`  ╰${"─".repeat(inner + 1)}╯`);
  return `${lines.join("\n")}\n`;
}

/** How much better: `22 times faster`, or that it is not. */
export function gain(before, after, word) {
  const ratio = before / Math.max(after, Number.EPSILON);
  return ratio < 1 ? `not ${word}` : `${ratio >= 10 ? Math.round(ratio) : ratio.toFixed(1)} times ${word}`;
}
