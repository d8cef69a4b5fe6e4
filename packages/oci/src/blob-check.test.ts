import { expect, test } from "vitest";
import { BlobCheck } from "./blob-check.ts";
import { digestOf } from "./digest.ts";

const HELLO = new TextEncoder().encode("hello, check");
const EMPTY = new Uint8Array();

test.for([
  ["at once", [HELLO]],
  ["in two", [HELLO.subarray(0, 5), HELLO.subarray(5)]],
  ["with nothing before, between and after", [EMPTY, HELLO.subarray(0, 5), EMPTY, HELLO.subarray(5), EMPTY]],
] as const)("BlobCheck passes with the last byte, where they come %s", ([, pieces]) => {
  for (const algorithm of ["sha256", "sha512"] as const) {
    const check = new BlobCheck({ digest: digestOf(HELLO, algorithm), size: HELLO.length });
    let seen = 0;
    for (const piece of pieces) {
      check.update(piece);
      seen += piece.length;
      expect(check.hasPassed).toBe(seen === HELLO.length);
    }
    check.end();
    expect(check.hasPassed).toBe(true);
  }
});

test("BlobCheck passes at the end of an empty blob, not before", () => {
  const check = new BlobCheck({ digest: digestOf(EMPTY), size: 0 });
  expect(check.hasPassed).toBe(false);
  check.end();
  expect(check.hasPassed).toBe(true);
});

test.for<[string, (check: BlobCheck) => void, string]>([
  ["a byte is another", (check) => check.update(HELLO.map((byte, i) => (i === 3 ? byte ^ 1 : byte))), "DIGEST"],
  ["there are too many", (check) => check.update(new Uint8Array(HELLO.length + 1)), "SIZE"],
  ["there are too few", (check) => (check.update(HELLO.subarray(1)), check.end()), "SIZE"],
  ["more follow", (check) => (check.update(HELLO), check.update(HELLO)), "SIZE"],
])("BlobCheck throws and has not passed where %s", ([, pass, what]) => {
  const check = new BlobCheck({ digest: digestOf(HELLO), size: HELLO.length });
  expect(() => pass(check)).toThrow(expect.objectContaining({ code: `ERR_OCI_${what}_MISMATCH` }));
  expect(check.hasPassed).toBe(false);
});
