import fc from "fast-check";
import { expect, test } from "vitest";
import { RecordLog } from "./record-log.ts";

const length = fc.oneof(fc.nat(100), fc.nat(100_000), fc.constantFrom(0, 2 ** 18 - 1, 2 ** 18, 2 ** 18 + 1, 600_000));

test("RecordLog gives records back from the last to the first, and their bytes while they come", () => {
  fc.assert(
    fc.property(fc.array(length, { maxLength: 30 }), fc.nat(30), (lengths, from) => {
      const log = new RecordLog();
      lengths.forEach((size, i) => {
        // More is reserved than is used, as by one who does not know.
        const at = log.reserve(size + (i % 3) * 50_000);
        log.bytes.fill(i, at, at + size);
        log.add(size);
      });
      expect(log.length).toBe(lengths.length);
      const since = Math.min(from, lengths.length);
      const wanted = Buffer.concat(lengths.slice(since).map((size, i) => Buffer.alloc(size, since + i)));
      expect(Buffer.concat(log.viewsFrom(since)).equals(wanted)).toBe(true);
      for (let i = lengths.length - 1; i >= 0; i--) {
        const at = log.open(i);
        expect(log.bytes.subarray(at, at + lengths[i]!).every((byte) => byte === i)).toBe(true);
        expect(log.view.buffer).toBe(log.bytes.buffer);
      }
      expect(() => log.open(lengths.length)).toThrow(RangeError);
    }),
    { numRuns: 60 },
  );
});
