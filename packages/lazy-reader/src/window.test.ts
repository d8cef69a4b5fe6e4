import { WINDOW_SIZE } from "@socikit/ztoc";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectBytes } from "./testing/expect-bytes.ts";
import { noise } from "./testing/fake-index.ts";
import { isBlankWindow, windowMatches, WindowTail } from "./window.ts";

/** The window after some output: its last 32 KiB, zeros in front. */
function windowAfter(output: Uint8Array): Uint8Array {
  const window = new Uint8Array(WINDOW_SIZE);
  const tail = output.slice(-WINDOW_SIZE);
  window.set(tail, WINDOW_SIZE - tail.length);
  return window;
}

describe("windowMatches()", () => {
  test("holds for the true window, however short the output before it, and for no other", () => {
    const output = noise(100_000);
    fc.assert(
      fc.property(
        fc.nat(output.length),
        fc.integer({ min: 1, max: 50_000 }),
        fc.nat(WINDOW_SIZE - 1),
        (from, length, spoilt) => {
          const end = Math.min(output.length, from + length);
          const window = windowAfter(output.subarray(0, end));
          const before = [{ at: 0, bytes: windowAfter(output.subarray(0, from)) }];
          expect(windowMatches([{ at: 0, bytes: window }], output.subarray(from, end), before)).toBe(true);
          window[spoilt]! ^= 1;
          expect(windowMatches([{ at: 0, bytes: window }], output.subarray(from, end), before)).toBe(false);
        },
      ),
    );
  });

  test("compares what a sparse window has", () => {
    const output = noise(40_000);
    const window = windowAfter(output);
    const pieces = (spoil: number): { at: number; bytes: Uint8Array }[] =>
      [10, 20_000, 32_760].map((at) => ({
        at,
        bytes: window.slice(at, at + 8).map((b, i) => (at + i === spoil ? b ^ 1 : b)),
      }));
    expect(windowMatches(pieces(-1), output, [])).toBe(true);
    for (const spoilt of [10, 17, 20_003, 32_767]) expect(windowMatches(pieces(spoilt), output, [])).toBe(false);
  });

  test("leaves out what neither the output nor the window before has", () => {
    const bytes = noise(WINDOW_SIZE);
    expect(windowMatches([{ at: 0, bytes }], bytes.subarray(-10), [])).toBe(true);
    expect(windowMatches([{ at: 0, bytes }], noise(10, 2), [])).toBe(false);
  });
});

test("WindowTail keeps the last 32 KiB of any chunks", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(40_000), { maxLength: 6 }), (sizes) => {
      const output = noise(sizes.reduce((sum, size) => sum + size, 0));
      const tail = new WindowTail();
      let at = 0;
      for (const size of sizes) tail.append(output.subarray(at, (at += size)));
      expectBytes(tail.bytes, output.slice(-WINDOW_SIZE));
    }),
    { numRuns: 50 },
  );
});

test("isBlankWindow() holds for none and for zeros", () => {
  expect(isBlankWindow([])).toBe(true);
  expect(isBlankWindow([{ at: 0, bytes: new Uint8Array(WINDOW_SIZE) }])).toBe(true);
  expect(isBlankWindow([{ at: 9, bytes: Uint8Array.of(0, 1) }])).toBe(false);
});
