import { expect, test } from "vitest";
import { classifyRange } from "./range-response.ts";

const WANT = { start: 100, end: 200, size: 1000 };
const part = (range: string, length?: number): Record<string, string> => ({
  "content-range": `bytes ${range}`,
  ...(length === undefined ? {} : { "content-length": String(length) }),
});

test.for<[string, number, Record<string, string>, unknown]>([
  ["exactly", 206, part("100-199/1000", 100), { kind: "bytes", from: 100, until: 200 }],
  ["an unknown total", 206, part("100-199/*", 100), { kind: "bytes", from: 100, until: 200 }],
  ["no Content-Length", 206, part("100-199/1000"), { kind: "bytes", from: 100, until: 200 }],
  ["less, honestly", 206, part("100-149/1000", 50), { kind: "bytes", from: 100, until: 150 }],
  ["the whole", 200, { "content-length": "1000" }, { kind: "bytes", from: 0, until: 1000 }],
  ["the whole, of unsaid length", 200, {}, { kind: "bytes", from: 0, until: 1000 }],
  ["a 206 that became a 200", 200, part("100-199/1000", 100), { kind: "bytes", from: 100, until: 200 }],
  [
    "identity is no coding",
    206,
    { ...part("100-199/1000", 100), "content-encoding": "identity" },
    { kind: "bytes", from: 100, until: 200 },
  ],
])("classifyRange() takes %s", ([, status, headers, want]) => {
  expect(classifyRange(status, new Headers(headers), WANT)).toEqual(want);
});

test.for<[string, number, Record<string, string>, string]>([
  ["another start", 206, part("0-99/1000", 100), "fault"],
  ["a neighbour's bytes", 206, part("200-299/1000", 100), "fault"],
  ["more than asked for", 206, part("100-299/1000", 200), "fault"],
  ["no Content-Range", 206, { "content-length": "100" }, "fault"],
  ["a Content-Range that cannot be read", 206, part("100-/1000"), "fault"],
  ["another total", 206, part("100-199/1001", 100), "fault"],
  ["lengths that differ, short", 206, part("100-199/1000", 99), "fault"],
  ["lengths that differ, long", 206, part("100-199/1000", 101), "fault"],
  ["several ranges", 206, { "content-type": "multipart/byteranges; boundary=x" }, "fault"],
  ["a whole of another size", 200, { "content-length": "999" }, "fault"],
  ["a 200 with another range", 200, part("0-99/1000", 100), "fault"],
  ["204", 204, {}, "fault"],
  ["304", 304, {}, "fault"],
  ["gzip", 206, { ...part("100-199/1000", 100), "content-encoding": "gzip" }, "coding"],
  ["gzip of the whole", 200, { "content-encoding": "GZIP" }, "coding"],
  ["416", 416, { "content-range": "bytes */50" }, "unsatisfiable"],
])("classifyRange() refuses %s", ([, status, headers, kind]) => {
  expect(classifyRange(status, new Headers(headers), WANT).kind).toBe(kind);
});
