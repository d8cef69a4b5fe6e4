import fc from "fast-check";
import { expect, test } from "vitest";
import { PagedBytes } from "./paged-bytes.ts";
import { noise } from "./testing/store-cases.ts";

test("PagedBytes give back what was appended, however it was cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 300_000 }), { maxLength: 5 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (cuts, a, b) => {
        const all = noise(
          cuts.reduce((sum, cut) => sum + cut, 0),
          7,
        );
        const paged = new PagedBytes();
        let at = 0;
        for (const cut of cuts) paged.append(all.subarray(at, (at += cut)));
        paged.trim();
        expect(paged.length).toBe(all.length);
        const [start, end] = [Math.floor(Math.min(a, b) * all.length), Math.floor(Math.max(a, b) * all.length)];
        const read = await paged.source().read(start, end - start);
        expect(Buffer.compare(read, all.subarray(start, end))).toBe(0);
        expect(Buffer.compare(Buffer.concat([...paged.chunks()]), all)).toBe(0);
      },
    ),
    { numRuns: 50 },
  );
});

test("PagedBytes hand out copies", async () => {
  const paged = new PagedBytes();
  paged.append(new Uint8Array([1, 2, 3]));
  (await paged.source().read(0, 3)).fill(9);
  expect(await paged.source().read(0, 3)).toEqual(new Uint8Array([1, 2, 3]));
});
