import { printable } from "@socikit/oci";
import { coloursFor, wantsColours, type Colours } from "./colours.ts";
import { formatBytes, formatDuration } from "./format-quantity.ts";
import type { CliIo, CliOutput } from "./io.ts";
import { progressLines, runningFacts, type ProgressCounts, type ProgressRow } from "./progress-rows.ts";

/** Shows what goes on, on stderr. Texts may come from strangers: they are made printable here. */
export interface Progress {
  /** Begins something, or says more about it: the label, and how many bytes it has. */
  begin(id: string, label: string, total?: number): void;
  /** How many bytes are done. Ids that were not begun are ignored. */
  advance(id: string, bytes: number): void;
  /** What became of the bytes; what is left out stays as it was. Ids that were not begun are ignored. */
  follow(id: string, counts: ProgressCounts): void;
  /** All bytes are done; `text` says what is done now. */
  phase(id: string, text: string): void;
  /** It is done; `note` says what came of it. */
  end(id: string, note?: string): void;
  /** It, which need not have begun, is not needed; `note` says why. */
  skip(id: string, label: string, note: string): void;
  /** A line that stays, above the rows. */
  note(line: string): void;
  /** Stops drawing; rows stay as they are. Can be called twice. */
  close(): void;
}

/** How progress is shown. */
export interface ProgressOptions {
  /** Where it is shown: stderr. */
  readonly stream: CliOutput;
  /** Colours of that stream. */
  readonly colours: Colours;
  /** Milliseconds since some moment. */
  readonly now: () => number;
  /** `rows`: redrawn, for terminals. `lines`: one line an event, for logs. `quiet`: notes only. By default as the stream is. */
  readonly mode?: "rows" | "lines" | "quiet" | undefined;
}

/** Ten redraws a second read well, and cost nothing over ssh. */
const REDRAW_MS = 100;

/** How often a log hears of something that takes long, in ms: some services end what has been silent for ten minutes. */
const REPORT_MS = 30_000;

/** Starts showing progress. Draws nothing until something begins. */
export function createProgress(options: ProgressOptions): Progress {
  const mode = options.mode ?? (options.stream.isTTY ? "rows" : "lines");
  return mode === "rows" ? new RowsProgress(options) : new LinesProgress(options, mode === "quiet");
}

/**
 * The progress of a command, on its stderr. `debug`: requests are shown between its lines, so it has no rows. Nor has it in CI,
 * where some give programs a terminal and keep what they write as a log, and on a terminal that cannot move its cursor.
 */
export function progressOf(
  io: Pick<CliIo, "stderr" | "env" | "now">,
  { quiet = false, debug = false }: { readonly quiet?: boolean; readonly debug?: boolean } = {},
): Progress {
  return createProgress({
    stream: io.stderr,
    colours: coloursFor(wantsColours(io.stderr.isTTY, io.env)),
    now: io.now,
    mode: quiet ? "quiet" : debug || isCi(io.env) || io.env["TERM"] === "dumb" ? "lines" : undefined,
  });
}

/** What all of the usual services set, and people who want their logs. */
function isCi({ CI }: Readonly<Record<string, string | undefined>>): boolean {
  return CI !== undefined && !["", "0", "false"].includes(CI);
}

/** What a log has been told of something. */
interface LoggedRow {
  readonly label: string;
  /** Bytes in all, where known. */
  readonly total?: number | undefined;
  /** When it began, ms. */
  readonly startedAt: number;
  /** When it was last told of, ms. */
  toldAt: number;
  ended: boolean;
}

class LinesProgress implements Progress {
  readonly #options: ProgressOptions;
  readonly #quiet: boolean;
  readonly #labels = new Map<string, LoggedRow>();

  constructor(options: ProgressOptions, quiet: boolean) {
    this.#options = options;
    this.#quiet = quiet;
  }

  begin(id: string, label: string, total?: number): void {
    const known = this.#labels.get(id);
    if (known !== undefined && known.label === label) return;
    const startedAt = this.#options.now();
    this.#labels.set(id, { label, total, startedAt, toldAt: startedAt, ended: false });
    this.#line(`${label}${total === undefined ? "" : ` (${formatBytes(total)})`}`);
  }

  // What is done in between is no event for a log, unless it takes long.
  advance(id: string, bytes: number): void {
    const row = this.#labels.get(id);
    const now = this.#options.now();
    if (row === undefined || row.ended || now - row.toldAt < REPORT_MS) return;
    row.toldAt = now;
    const { label, total, startedAt } = row;
    this.#line(`${label}: ${runningFacts({ bytes, total }, now - startedAt)}`);
  }

  follow(): void {}
  phase(): void {}

  end(id: string, note?: string): void {
    const row = this.#labels.get(id);
    if (row === undefined || row.ended) return;
    row.ended = true;
    this.#line(`${row.label}: ${note ?? "done"}, ${formatDuration(this.#options.now() - row.startedAt)}`);
  }

  skip(id: string, label: string, note: string): void {
    const row = this.#labels.get(id);
    if (row?.ended) return;
    this.#labels.set(id, { label, startedAt: 0, toldAt: 0, ended: true });
    this.#line(`${label}: ${note}`);
  }

  note(line: string): void {
    void this.#options.stream.write(`${printable(line)}\n`);
  }

  close(): void {}

  #line(text: string): void {
    if (!this.#quiet) this.note(text);
  }
}

class RowsProgress implements Progress {
  readonly #options: ProgressOptions;
  readonly #rows = new Map<string, ProgressRow>();
  #drawn = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #closed = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  begin(id: string, label: string, total?: number): void {
    if (this.#closed) return;
    const known = this.#rows.get(id);
    const startedAt = known?.startedAt ?? this.#options.now();
    this.#rows.set(id, { label: printable(label), state: "running", bytes: known?.bytes ?? 0, total, startedAt });
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
    this.#timer.unref();
    this.#draw();
  }

  advance(id: string, bytes: number): void {
    this.#change(id, { bytes });
  }

  follow(id: string, counts: ProgressCounts): void {
    this.#change(id, counts);
  }

  phase(id: string, text: string): void {
    const row = this.#rows.get(id);
    if (row?.state === "running") this.#rows.set(id, { ...row, phase: printable(text) });
  }

  end(id: string, note?: string): void {
    this.#finish(id, "done", note);
  }

  skip(id: string, label: string, note: string): void {
    if (!this.#rows.has(id)) this.begin(id, label);
    this.#finish(id, "skipped", note);
  }

  note(line: string): void {
    this.#write(`${this.#erase()}${printable(line)}\n`);
    if (!this.#closed) this.#draw();
  }

  close(): void {
    if (this.#closed) return;
    if (this.#rows.size > 0) this.#draw();
    clearInterval(this.#timer);
    this.#closed = true;
    this.#drawn = 0;
  }

  #change(id: string, change: Partial<ProgressRow>): void {
    const row = this.#rows.get(id);
    if (row !== undefined) this.#rows.set(id, { ...row, ...change });
  }

  #finish(id: string, state: "done" | "skipped", note: string | undefined): void {
    const row = this.#rows.get(id);
    if (row === undefined) return;
    this.#rows.set(id, {
      ...row,
      state,
      endedAt: this.#options.now(),
      ...(note === undefined ? {} : { note: printable(note) }),
    });
  }

  #draw(): void {
    if (this.#closed || this.#rows.size === 0) return;
    const { stream, colours, now } = this.#options;
    const lines = progressLines([...this.#rows.values()], {
      columns: stream.columns,
      // The line under the rows, where the cursor waits, is theirs too.
      height: Math.max(1, stream.rows - 2),
      now: now(),
      colours,
    });
    this.#write(`${this.#erase()}${lines.map((line) => `${line}\n`).join("")}`);
    this.#drawn = lines.length;
  }

  /** Moves to the first row and clears to the end of the screen. */
  #erase(): string {
    const lines = this.#drawn;
    this.#drawn = 0;
    return lines === 0 ? "" : `\u001b[${lines}A\u001b[J`;
  }

  #write(text: string): void {
    void this.#options.stream.write(text);
  }
}
