import { expect, test } from "vitest";
import { createHostDecoder } from "./host-decoder.ts";
import { fflateDecoder } from "./fflate.ts";
import { platformDecoder } from "./platform-decoder.ts";
import { streamInflate } from "./stream-inflate.ts";
import { describeDecoder } from "./testing/decoder-cases.ts";

// Node has both. DecompressionStream waits for output that may not come at each short stream: fewer of those.
const zlib = platformDecoder();
const stream = streamInflate();
if (zlib === undefined || stream === undefined) throw new Error("Node has both");

describeDecoder("node:zlib", zlib);
describeDecoder("DecompressionStream", createHostDecoder(stream), { seeds: 8, stride: 9 });
describeDecoder("fflate", fflateDecoder());

test("decode() of a start inside a block is refused by decoders that cannot", () => {
  const start = { byte: 0, bits: 0, window: [], blockHeader: Uint8Array.of(1) };
  expect(() => fflateDecoder().decode(start, Uint8Array.of(3, 0), { start: 0, end: 1 })).toThrow(RangeError);
});
