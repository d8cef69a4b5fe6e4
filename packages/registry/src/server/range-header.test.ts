import fc from "fast-check";
import { expect, test } from "vitest";
import { parseChunkRange, parseRangeHeader } from "./range-header.ts";

test.for([
  ["no header", null, "whole"],
  ["a range", "bytes=500-1499", { start: 500, end: 1500 }],
  ["one byte", "bytes=0-0", { start: 0, end: 1 }],
  ["to the end", "bytes=500-", { start: 500, end: 2048 }],
  ["the last bytes", "bytes=-500", { start: 1548, end: 2048 }],
  ["more last bytes than there are", "bytes=-5000", { start: 0, end: 2048 }],
  ["an end beyond the blob's", "bytes=2000-5000", { start: 2000, end: 2048 }],
  ["an end beyond all numbers", "bytes=0-9999999999999999", { start: 0, end: 2048 }],
  ["the unit in capitals", "Bytes=0-1", { start: 0, end: 2 }],
  ["a start at the end", "bytes=2048-", "unsatisfiable"],
  ["a start beyond the end", "bytes=5000-10000", "unsatisfiable"],
  ["an end before the start: the conformance suite wants it refused", "bytes=500-0", "unsatisfiable"],
  ["no last bytes", "bytes=-0", "unsatisfiable"],
  ["several ranges: answered whole", "bytes=0-1,3-4", "whole"],
  ["another unit: ignored", "items=0-1", "whole"],
  ["nothing", "bytes=-", "whole"],
  ["a sign", "bytes=+1-2", "whole"],
  ["more digits than a size has", "bytes=00000000000000000-1", "whole"],
] as const)("parseRangeHeader() of %s", ([, header, range]) => {
  expect(parseRangeHeader(header, 2048)).toEqual(range);
});

test("parseRangeHeader() finds nothing in an empty blob", () => {
  for (const header of ["bytes=0-", "bytes=0-0", "bytes=-1"]) expect(parseRangeHeader(header, 0)).toBe("unsatisfiable");
});

test.for([
  ["no header", null, undefined],
  ["a chunk", "0-99", { start: 0, end: 100 }],
  ["a chunk with unit and size, as some clients write it", "bytes 100-199/*", { start: 100, end: 200 }],
  ["words", "all of it", "malformed"],
  ["an end before the start", "100-50", "malformed"],
  ["no end", "100-", "malformed"],
] as const)("parseChunkRange() of %s", ([, header, range]) => {
  expect(parseChunkRange(header)).toEqual(range);
});

test("parseRangeHeader() of anything lies inside the blob and is not empty", () => {
  const text = fc.oneof(
    fc.string(),
    fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`),
    fc.nat().map((n) => `bytes=-${n}`),
  );
  fc.assert(
    fc.property(text, fc.nat(), (header, size) => {
      const range = parseRangeHeader(header, size);
      if (typeof range === "string") return;
      expect(range.start).toBeGreaterThanOrEqual(0);
      expect(range.end).toBeGreaterThan(range.start);
      expect(range.end).toBeLessThanOrEqual(size);
    }),
    { numRuns: 2000 },
  );
});
