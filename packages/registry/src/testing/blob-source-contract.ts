import type { BlobSource } from "@socikit/oci";
import fc from "fast-check";
import { expect, test } from "vitest";

/** What every `BlobSource` over `bytes` keeps. */
export function testBlobSource(name: string, bytes: Uint8Array, open: () => Promise<BlobSource>): void {
  test(`${name}: size is the blob's`, async () => {
    const source = await open();
    expect(source.size).toBe(bytes.length);
    await source.close?.();
  });

  test(`${name}: read() gives exactly the bytes of any range, the caller's to change`, async () => {
    const source = await open();
    const range = fc
      .tuple(fc.nat(bytes.length), fc.nat(bytes.length))
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
    await fc.assert(
      fc.asyncProperty(range, async ([start, end]) => {
        const found = await source.read(start, end - start);
        expect(Buffer.compare(found, bytes.subarray(start, end))).toBe(0);
        found.fill(0xee);
      }),
      { numRuns: 40 },
    );
    await source.close?.();
  });

  test(`${name}: stream() gives the same as read()`, async () => {
    const source = await open();
    if (source.stream === undefined) return;
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.stream(3, bytes.length - 5)) chunks.push(chunk);
    expect(Buffer.compare(Buffer.concat(chunks), bytes.subarray(3, bytes.length - 2))).toBe(0);
    await source.close?.();
  });

  test.for([
    [-1, 1],
    [0, -1],
    [0, bytes.length + 1],
    [bytes.length, 1],
    [0.5, 1],
    [0, Number.NaN],
    [Number.MAX_SAFE_INTEGER, 1],
  ] as const)(`${name}: read(%j) is a RangeError`, async ([offset, length]) => {
    const source = await open();
    await expect(source.read(offset, length)).rejects.toThrow(RangeError);
    await source.close?.();
  });

  test(`${name}: an aborted read() rejects with the signal's reason`, async () => {
    const source = await open();
    const reason = new Error("enough");
    await expect(source.read(0, 1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await source.close?.();
  });
}
