import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { DeflateMeasure } from "./deflate-measure.ts";
import { createHostDecoder } from "./host-decoder.ts";
import { fflateDecoder } from "./fflate.ts";
import { platformDecoder } from "./platform-decoder.ts";
import { streamInflate } from "./stream-inflate.ts";
import type { SpanDecoder } from "./span-decoder.ts";
import { codeOf, decodeAll, describeDecoder } from "./testing/decoder-cases.ts";
import { expectBytes } from "./testing/expect-bytes.ts";
import { concat } from "./testing/gzip-member.ts";
import { compressibleBytes, createRandom } from "./testing/random.ts";
import { sweep } from "./testing/sweep.ts";

// Node has both. DecompressionStream waits for output that may not come at each short stream: fewer of those.
const zlib = platformDecoder();
const stream = streamInflate();
if (zlib === undefined || stream === undefined) throw new Error("Node has both");

describeDecoder("node:zlib", zlib);
describeDecoder("DecompressionStream", createHostDecoder(stream), { seeds: sweep(3, 8), stride: sweep(37, 9) });
describeDecoder("fflate", fflateDecoder());

describe.for<[string, SpanDecoder]>([
  ["node:zlib", zlib],
  ["DecompressionStream", createHostDecoder(stream)],
  ["fflate", fflateDecoder()],
])("%s: starts inside a block", ([, decoder]) => {
  const output = compressibleBytes(createRandom(50), 60_000);

  test.for<[string, number, number, number]>([
    ["dynamic", 6, 0, 400],
    ["fixed", 6, 4, 1],
  ])("decode() from any symbol of a %s block", async ([, level, strategy, headerSize]) => {
    const deflated = deflateRawSync(output, { level, strategy, memLevel: 9 });
    const measure = new DeflateMeasure(deflated);
    const bitsSeen = new Set<number>();
    for (let limit = 1; limit < 20_000; limit += 1009) {
      expect(measure.advance(limit)).toBe("reached");
      const { position, produced } = measure;
      const bits = (8 - (position % 8)) % 8;
      bitsSeen.add(bits);
      const byte = position >> 3;
      const window = [{ at: 32768 - produced, bytes: output.subarray(0, produced) }];
      const start = { byte, bits, window, blockHeader: deflated.subarray(0, headerSize) };
      const got = await decodeAll(decoder, start, deflated.subarray(byte), 0, output.length - produced);
      expectBytes(got, output.subarray(produced));
    }
    expect(bitsSeen.size).toBeGreaterThan(5);
  });

  test("decode() inside a stored block", async () => {
    const rest = concat(output.subarray(100, 140), deflateRawSync(output.subarray(140)));
    const start = { blockHeader: Uint8Array.of(0, 40, 0, 215, 255) };
    expectBytes(await decodeAll(decoder, start, rest, 3, output.length - 100), output.subarray(103));
  });

  test.for([0, 1])("decode() refuses a start within a byte of a stored block of BFINAL %i, there", async (final) => {
    const start = { byte: 100, bits: 3, blockHeader: Uint8Array.of(final, 5, 0, 250, 255) };
    await expect(decodeAll(decoder, start, deflateRawSync(output), 0, 10)).rejects.toMatchObject({
      code: "ERR_INFLATE_DATA",
      offset: 101,
      message: expect.stringMatching(/not at a byte boundary, near compressed offset 101$/),
    });
  });

  test.for<[string, number[], string]>([
    ["is cut", [0b100, 0], "ERR_INFLATE_TRUNCATED"],
    ["has block type 3", [0b110], "ERR_INFLATE_DATA"],
    ["is not there", [], "ERR_INFLATE_TRUNCATED"],
  ])("decode() refuses a header that %s", async ([, bytes, code]) => {
    const start = { blockHeader: Uint8Array.from(bytes) };
    expect(await codeOf(decodeAll(decoder, start, Uint8Array.of(3, 0), 0, 1))).toBe(code);
  });
});
