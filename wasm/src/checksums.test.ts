import { crc32 as zlibCrc32, deflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { adler32, crc32InJavaScript } from "./checksums.ts";
import { createRandom } from "./testing/random.ts";

// Lengths around the four bytes of a step, and beyond the 5552 bytes after which Adler-32's sums are reduced.
test.for([0, 1, 3, 4, 5, 7, 8, 1001, 5552, 5553, 70_000])("checksums of %i bytes are zlib's, however cut", (length) => {
  const random = createRandom(length);
  for (const bytes of [random.bytes(length), new Uint8Array(length).fill(255)]) {
    const cut = random.below(length + 1);
    const [first, second] = [bytes.subarray(0, cut), bytes.subarray(cut)];
    expect(crc32InJavaScript(second, crc32InJavaScript(first, 0))).toBe(zlibCrc32(bytes));
    // A zlib stream ends with the Adler-32 of its output.
    expect(adler32(second, adler32(first, 1))).toBe(deflateSync(bytes).readUInt32BE(deflateSync(bytes).length - 4));
  }
});
