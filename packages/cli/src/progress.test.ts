import fc from "fast-check";
import { expect, test } from "vitest";
import { coloursFor } from "./colours.ts";
import { createProgress, progressOf } from "./progress.ts";
import { progressLines, type ProgressRow } from "./progress-rows.ts";
import { textOutput } from "./testing/test-io.ts";

const PLAIN = coloursFor(false);

function row(change: Partial<ProgressRow>): ProgressRow {
  return { label: "layer", state: "running", bytes: 0, startedAt: 0, ...change };
}

test("progressLines() shows what runs, with bar and rate, and what came of the rest", () => {
  const rows = [
    row({ label: "one", state: "done", bytes: 5, note: "zTOC sha256:1", endedAt: 1500 }),
    row({ label: "two", state: "skipped", note: "too small", endedAt: 1 }),
    row({ label: "three", bytes: 5_000_000, total: 10_000_000 }),
    row({ label: "four", bytes: 5_000_000, total: 305_000_000 }),
    row({ label: "five", bytes: 5_000_000, total: 10_000_000, startedAt: 1100 }),
    row({ label: "six", bytes: 10_000_000, total: 10_000_000, phase: "pushing" }),
  ];
  const lines = progressLines(rows, { columns: 80, height: 10, now: 2000, colours: PLAIN });
  expect(lines[0]).toMatch(/^✓ one +zTOC sha256:1 {2}1\.5 s$/);
  expect(lines[1]).toMatch(/^– two +too small$/);
  expect(lines[2]).toMatch(/^. three +━{10}─{10} {2}5\.0 MB \/ 10\.0 MB {2}2\.5 MB\/s {2}2 s left$/);
  expect(lines[3]).toMatch(/ 5\.0 MB \/ 305\.0 MB {2}2\.5 MB\/s {2}2 min 00 s left$/);
  // After less than a second the rate says little.
  expect(lines[4]).toMatch(/ 5\.0 MB \/ 10\.0 MB {2}5\.6 MB\/s$/);
  expect(lines[5]).toMatch(/^. six +pushing {2}2\.0 s$/);
});

test("progressLines() shows what became of the bytes, in words where there is room, else in signs, else not", () => {
  const layer = row({
    label: "indexing sha256:0123456789ab",
    bytes: 5_000_000,
    total: 10_000_000,
    inflated: 12_300_000,
    pushed: 4_000_000,
  });
  const at = (columns: number, change: Partial<ProgressRow> = {}): string =>
    progressLines([{ ...layer, ...change }], { columns, height: 1, now: 2000, colours: PLAIN })[0]!.slice(2);
  const label = "indexing sha256:0123456789ab";
  const bar = `${"━".repeat(10)}${"─".repeat(10)}  `;
  const [words, signs] = ["  inflated 12.3 MB  pushed 4.0 MB", " → 12.3 MB ↑ 4.0 MB"];
  const pace = "  2.5 MB/s  2 s left";
  const cases: readonly (readonly [columns: number, label: string, facts: string])[] = [
    [140, label, `${bar}5.0 MB / 10.0 MB${words}${pace}`],
    [115, label, `${bar}5.0 MB / 10.0 MB${signs}${pace}`],
    [104, label, `5.0 MB / 10.0 MB${words}${pace}`],
    [90, label, `5.0 MB / 10.0 MB${signs}${pace}`],
    [80, "sha256:0123456789ab", `5.0 MB / 10.0 MB${signs}${pace}`],
    [62, "sha256:0123456789ab", `5.0 MB / 10.0 MB${pace}`],
  ];
  for (const [columns, text, facts] of cases)
    expect(at(columns)).toBe(`${text}${" ".repeat(columns - 3 - text.length - facts.length)}${facts}`);
  // Of what is only read, or has not come so far, nothing is said.
  expect(at(140, { inflated: 0, pushed: undefined })).toMatch(/ 10\.0 MB {2}2\.5 MB\/s/);
});

test("a log is told every half minute of what takes long, and of nothing else", () => {
  const stream = textOutput();
  let now = 1_000;
  const progress = createProgress({ stream, colours: PLAIN, now: () => now, mode: "lines" });
  progress.begin("a", "indexing a", 5_000_000_000);
  progress.begin("b", "fetching b");
  for (; now < 62_000; now += 1_000) {
    progress.advance("a", now * 10_000);
    if (now < 32_000) progress.advance("b", now);
    if (now === 40_000) progress.end("a", "zTOC");
    progress.advance("unknown", now);
  }
  expect(stream.text().split("\n")).toEqual([
    "indexing a (5.0 GB)",
    "fetching b",
    "indexing a: 310.0 MB / 5.0 GB  10.3 MB/s  7 min 34 s left",
    "fetching b: 31.0 kB  1.0 kB/s",
    "indexing a: zTOC, 39.0 s",
    "",
  ]);
});

test("progressLines() fits the window, and keeps what runs in sight", () => {
  const rows = fc.array(
    fc.record({ state: fc.constantFrom<ProgressRow["state"]>("running", "done"), label: fc.string({ maxLength: 60 }) }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(
      rows,
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 10, max: 100 }),
      (changes, height, columns) => {
        const lines = progressLines(changes.map(row), { columns, height, now: 1, colours: PLAIN });
        expect(lines.length).toBeLessThanOrEqual(height);
        expect(lines.length).toBe(Math.min(height, changes.length));
        for (const line of lines) expect(line.length).toBeLessThan(columns + 1);
        const shown = lines.filter((line) => !/^[✓ ]/.test(line)).length;
        const running = changes.filter(({ state }) => state === "running").length;
        expect(shown).toBeGreaterThanOrEqual(Math.min(running, height - 1));
      },
    ),
  );
});

test("createProgress() writes one line an event where there is no terminal", () => {
  const stream = textOutput({ isTTY: false });
  let now = 0;
  const progress = createProgress({ stream, colours: PLAIN, now: () => now });
  progress.begin("a", "indexing a", 2_000_000);
  progress.advance("a", 1_000_000);
  now = 1200;
  progress.end("a", "zTOC b");
  progress.end("a", "again");
  progress.skip("c", "copying c", "too small\u001b[2J");
  progress.close();
  expect(stream.text()).toBe("indexing a (2.0 MB)\nindexing a: zTOC b, 1.2 s\ncopying c: too small\\x1b[2J\n");
});

test("createProgress() says nothing but notes when quiet", () => {
  const stream = textOutput({ isTTY: true });
  const progress = createProgress({ stream, colours: PLAIN, now: () => 0, mode: "quiet" });
  progress.begin("a", "indexing a");
  progress.end("a");
  progress.note("warning");
  progress.close();
  expect(stream.text()).toBe("warning\n");
});

test.for<readonly [env: Readonly<Record<string, string>>, rows: boolean]>([
  [{}, true],
  [{ CI: "false" }, true],
  [{ CI: "true" }, false],
  [{ TERM: "dumb" }, false],
])("progressOf() a terminal with %j has rows: %s", ([env, rows]) => {
  const stderr = textOutput({ isTTY: true });
  const progress = progressOf({ stderr, env: { NO_COLOR: "1", ...env }, now: () => 0 });
  progress.begin("a", "indexing a");
  progress.end("a", "zTOC b");
  progress.close();
  expect(stderr.text().includes("\u001b[")).toBe(rows);
  if (!rows) expect(stderr.text()).toBe("indexing a\nindexing a: zTOC b, 0 ms\n");
});

test("createProgress() redraws its rows on a terminal and leaves them at the end", () => {
  const stream = textOutput({ isTTY: true });
  const progress = createProgress({ stream, colours: PLAIN, now: () => 0 });
  progress.begin("a", "one");
  progress.begin("b", "two");
  progress.end("a", "done");
  progress.note("a note");
  progress.close();
  progress.close();
  progress.note("after");
  const screen = replay(stream.text());
  expect(screen[0]).toBe("a note");
  expect(screen[1]).toMatch(/^✓ one/);
  expect(screen[2]).toMatch(/two/);
  expect(screen[3]).toBe("after");
});

/** What a terminal shows after some output: cursor-up and clear-below are all that is used. */
function replay(text: string): readonly string[] {
  const lines: string[] = [];
  for (const part of text.replaceAll("\u001b[J", "").split("\u001b[")) {
    const up = /^([0-9]+)A/.exec(part);
    if (up !== null) lines.length -= Number(up[1]);
    lines.push(
      ...part
        .slice(up?.[0].length ?? 0)
        .split("\n")
        .filter((line) => line !== ""),
    );
  }
  return lines;
}
