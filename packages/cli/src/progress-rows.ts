import type { Colours } from "./colours.ts";
import { formatBytes, formatDuration } from "./format-quantity.ts";

/** What became of bytes that are done, where that is known. */
export interface ProgressCounts {
  /** Bytes of the tar stream that were made of them. */
  readonly inflated?: number | undefined;
  /** Bytes that the target has of them. */
  readonly pushed?: number | undefined;
}

/** One thing that is being done. */
export interface ProgressRow extends ProgressCounts {
  /** What it is, in words. */
  readonly label: string;
  readonly state: "running" | "done" | "skipped";
  /** Bytes done: read, of a layer. */
  readonly bytes: number;
  /** Bytes in all, where known. */
  readonly total?: number | undefined;
  /** When it began and ended, ms. */
  readonly startedAt: number;
  readonly endedAt?: number | undefined;
  /** What is done now that all bytes are. */
  readonly phase?: string | undefined;
  /** What came of it. */
  readonly note?: string | undefined;
}

/** What rows are laid out for. */
export interface RowsOptions {
  readonly columns: number;
  /** Most lines. */
  readonly height: number;
  /** Now, ms. */
  readonly now: number;
  readonly colours: Colours;
}

const SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
const BAR_WIDTH = 20;

/**
 * The lines that show some rows, at most `height` of them and none wider than `columns`: rows that run come before rows
 * that ended, of which the oldest are left out and counted.
 */
export function progressLines(rows: readonly ProgressRow[], options: RowsOptions): readonly string[] {
  const { height } = options;
  if (rows.length <= height) return rows.map((row) => progressLine(row, options));
  const running = rows.filter((row) => row.state === "running");
  const room = Math.max(1, height - 1);
  const shown = new Set(running.slice(0, room));
  for (const row of rows.toReversed()) if (shown.size < room) shown.add(row);
  const hidden = rows.length - shown.size;
  const lines = rows.filter((row) => shown.has(row)).map((row) => progressLine(row, options));
  return height < 2 ? lines : [options.colours.dim(`  ${hidden} more`), ...lines];
}

function progressLine(row: ProgressRow, { columns, now, colours }: RowsOptions): string {
  const elapsed = (row.endedAt ?? now) - row.startedAt;
  const frame = SPINNER[Math.floor(now / 80) % SPINNER.length]!;
  const mark =
    row.state === "running" ? colours.cyan(frame) : row.state === "done" ? colours.green("✓") : colours.dim("–");
  // The last column stays free: a full line makes some terminals wrap.
  const room = columns - 1 - 2;
  const [text, facts] =
    row.state === "running" ? runningTexts(row, elapsed, room) : [row.label, endedFacts(row, elapsed)];
  const label = fit(text, Math.max(0, room - facts.length - 2));
  const gap = " ".repeat(Math.max(0, room - label.length - facts.length));
  const line = fit(`${label}${gap}${facts}`, room);
  return `${mark} ${row.state === "running" ? line : colours.dim(line)}`;
}

/** What is said of something that runs where there is no row for it: bytes, rate, and time left. */
export function runningFacts({ bytes, total }: Pick<ProgressRow, "bytes" | "total">, elapsed: number): string {
  const read = total === undefined ? formatBytes(bytes) : `${formatBytes(bytes)} / ${formatBytes(total)}`;
  return `${read}${rateOf(bytes, elapsed)}${total === undefined ? "" : timeLeft(bytes, total, elapsed)}`;
}

/** The label, and what is said of the row: as much as there is room for. */
function runningTexts(row: ProgressRow, elapsed: number, room: number): readonly [label: string, facts: string] {
  const { label, bytes, total, phase } = row;
  if (phase !== undefined) return [label, `${phase}  ${formatDuration(elapsed)}`];
  const rate = rateOf(bytes, elapsed);
  if (total === undefined || total === 0)
    return [label, bytes === 0 ? formatDuration(elapsed) : `${formatBytes(bytes)}${rate}`];
  const full = Math.min(BAR_WIDTH, Math.floor((bytes / total) * BAR_WIDTH));
  const bar = `${"━".repeat(full)}${"─".repeat(BAR_WIDTH - full)}  `;
  const read = `${formatBytes(bytes)} / ${formatBytes(total)}`;
  const pace = `${rate}${timeLeft(bytes, total, elapsed)}`;
  const [words, signs] = [countsOf(row, "  inflated ", "  pushed "), countsOf(row, " → ", " ↑ ")];
  // Without the verb, which all rows share.
  const subject = label.slice(label.indexOf(" ") + 1);
  const texts = [
    [label, `${bar}${read}${words}${pace}`],
    [label, `${bar}${read}${signs}${pace}`],
    [label, `${read}${words}${pace}`],
    [label, `${read}${signs}${pace}`],
    [subject, `${read}${signs}${pace}`],
    [subject, `${read}${pace}`],
  ] as const;
  return texts.find(([text, facts]) => text.length + 2 + facts.length <= room) ?? texts.at(-1)!;
}

/** What became of the bytes that were read, where anything is known to. */
function countsOf({ inflated, pushed }: ProgressRow, ofInflated: string, ofPushed: string): string {
  const count = (sign: string, bytes = 0): string => (bytes === 0 ? "" : `${sign}${formatBytes(bytes)}`);
  return `${count(ofInflated, inflated)}${count(ofPushed, pushed)}`;
}

/** Nothing where too little has passed for a rate to mean anything. */
function rateOf(bytes: number, elapsed: number): string {
  return elapsed < 300 || bytes === 0 ? "" : `  ${formatBytes(Math.round(bytes / (elapsed / 1000)))}/s`;
}

/** Whole seconds: tenths of what is guessed are noise. Nothing before a second has passed, and at the end. */
function timeLeft(bytes: number, total: number, elapsed: number): string {
  const left = ((total - bytes) / bytes) * elapsed;
  if (elapsed < 1000 || bytes === 0 || left < 500) return "";
  const text = left < 59_500 ? `${Math.round(left / 1000)} s` : formatDuration(Math.max(left, 60_000));
  return `  ${text} left`;
}

function endedFacts({ note, bytes, state }: ProgressRow, elapsed: number): string {
  if (note !== undefined) return state === "done" ? `${note}  ${formatDuration(elapsed)}` : note;
  return bytes === 0 ? formatDuration(elapsed) : `${formatBytes(bytes)}  ${formatDuration(elapsed)}`;
}

function fit(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`.slice(0, width);
}
