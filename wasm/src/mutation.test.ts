import {
  constants,
  crc32,
  deflateRawSync,
  gunzipSync,
  gzipSync,
  inflateRawSync,
  inflateSync,
  deflateSync,
} from "node:zlib";
import { expect, test } from "vitest";
import { loadInflate } from "./load-inflate.ts";
import { BitWriter, filled } from "./testing/bit-writer.ts";
import { expectBytes } from "./testing/expect-bytes.ts";
import { concat, gzipHeader, gzipMember } from "./testing/gzip-member.ts";
import { compressibleBytes, createRandom, type Random } from "./testing/random.ts";
import { randomDeflate, writeCodeLengths } from "./testing/random-deflate.ts";
import { scanAll } from "./testing/scan.ts";

// zlib decides what is DEFLATE and what is not: each stream here is damaged, and decoded by both. A sample: differential/inflate.mjs
// does it at scale.

const inflate = await loadInflate();

type Outcome = { readonly output: Uint8Array; readonly used: number } | { readonly code: string };

function damage(random: Random, bytes: Uint8Array): Uint8Array {
  const damaged = bytes.slice();
  const times = 1 + random.below(3);
  for (let i = 0; i < times && damaged.length > 0; i++) {
    const at = random.chance(50) ? random.below(Math.min(60, damaged.length)) : random.below(damaged.length);
    damaged[at] = random.chance(70) ? damaged[at]! ^ (1 << random.below(8)) : random.below(256);
  }
  return random.chance(15) ? damaged.subarray(0, random.below(damaged.length + 1)) : damaged;
}

function zlibOutcome(decode: () => unknown): Outcome {
  try {
    // `info` changes the result's type, which the declarations do not know.
    const { buffer, engine } = decode() as { buffer: Uint8Array; engine: { bytesWritten: number } };
    return { output: buffer, used: engine.bytesWritten };
  } catch (error) {
    return { code: (error as { code: string }).code };
  }
}

function ownOutcome(bytes: Uint8Array, zlibMembers = false): Outcome {
  try {
    return { output: scanAll(inflate, bytes, { zlibMembers }).output, used: bytes.length };
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined) throw error;
    return { code };
  }
}

function source(random: Random): Uint8Array {
  if (random.chance(50)) return randomDeflate(random, 1 + random.below(3)).deflated;
  return deflateRawSync(compressibleBytes(random, 1 + random.below(2000)), {
    level: random.below(10),
    strategy: random.pick([constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE]),
    memLevel: 1 + random.below(9),
  });
}

test("scanGzip() accepts damaged DEFLATE data exactly if zlib does, with the same bytes", () => {
  let accepted = 0;
  for (let seed = 0; seed < 300; seed++) {
    const random = createRandom(50_000 + seed);
    const deflated = damage(random, source(random));
    const theirs = zlibOutcome(() => inflateRawSync(deflated, { info: true }));
    if ("code" in theirs) {
      const ours = ownOutcome(concat(gzipHeader(), deflated));
      const expected = theirs.code === "Z_BUF_ERROR" ? "ERR_INFLATE_TRUNCATED" : "ERR_INFLATE_DATA";
      expect("code" in ours ? ours.code : "accepted", `seed ${seed}, zlib says ${theirs.code}`).toBe(expected);
    } else {
      accepted++;
      const ours = ownOutcome(gzipMember(deflated.subarray(0, theirs.used), theirs.output));
      if ("code" in ours) expect.fail(`seed ${seed}: ${ours.code}, and zlib accepts`);
      expectBytes(ours.output, theirs.output, `seed ${seed}`);
    }
  }
  // Both outcomes must be common for this to say anything.
  expect(accepted).toBeGreaterThan(30);
  expect(accepted).toBeLessThan(270);
});

test("scanGzip() of streams cut in front of bits that would be wrong whatever they are: they are cut, as for zlib", () => {
  // The code of code lengths; zlib takes it for lengths of 0, a bit each, and refuses those.
  const streams = [
    new BitWriter()
      .text("1 01 00000 00000 0000")
      .bits(0, 12)
      .bits(0, 257 + 1),
  ];
  // A repetition of nothing, and how often. The precode is of 16 and 0; an empty fixed block stands before.
  streams.push(
    new BitWriter().text("0 10 0000000").text("1 01 00000 00000 0000 100 000 000 100").text("1").bits(0, 16),
  );
  for (let seed = 0; seed < 30; seed++) {
    // The code of distances, behind a length: symbols 256 and 257 are all that have codes.
    const writer = new BitWriter().text("1 01");
    writeCodeLengths(writer, createRandom(seed), [...filled(256, 0), 1, 1], [0]);
    streams.push(writer.code(1, 1).bits(0xffff, 16));
  }
  let cuts = 0;
  for (const [i, writer] of streams.entries()) {
    const bytes = writer.finish();
    for (let length = 0; length <= bytes.length; length++) {
      const cut = bytes.subarray(0, length);
      const theirs = zlibOutcome(() => inflateRawSync(cut, { info: true }));
      const ours = ownOutcome(concat(gzipHeader(), cut));
      if (!("code" in theirs)) expect.fail("zlib accepts it");
      const isCut = theirs.code === "Z_BUF_ERROR";
      if (isCut) cuts++;
      expect(ours, `stream ${i} up to ${length}`).toEqual({
        code: isCut ? "ERR_INFLATE_TRUNCATED" : "ERR_INFLATE_DATA",
      });
    }
  }
  expect(cuts).toBeGreaterThan(40);
});

test("scanGzip() accepts a damaged header exactly if zlib does", () => {
  const random = createRandom(3);
  let accepted = 0;
  for (let round = 0; round < 400; round++) {
    const isZlib = random.chance(20);
    const fields = {
      ...(random.chance(50) ? { extra: random.bytes(random.below(6)) } : {}),
      ...(random.chance(50) ? { name: "name" } : {}),
      ...(random.chance(50) ? { comment: "comment" } : {}),
      headerCrc: random.chance(50),
    };
    const text = compressibleBytes(random, 1 + random.below(50));
    const header = isZlib ? deflateSync(text).subarray(0, 2) : gzipHeader(fields);
    const rest = isZlib ? deflateSync(text).subarray(2) : gzipSync(text).subarray(10);
    const bytes = concat(header, rest);
    const at = random.below(header.length);
    bytes[at] = random.chance(70) ? bytes[at]! ^ (1 << random.below(8)) : random.below(256);
    // node:zlib's unzip looks at one byte, so the choice between the formats is made here.
    const isGzipNow = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const theirs = zlibOutcome(() => (isGzipNow ? gunzipSync : inflateSync)(bytes, { info: true }));
    const ours = ownOutcome(bytes, true);
    expect("code" in ours, `round ${round}`).toBe("code" in theirs);
    if ("output" in ours) {
      accepted++;
      expectBytes(ours.output, text);
    }
  }
  expect(accepted).toBeGreaterThan(40);
});

test("scanGzip() agrees with zlib on every trailer that is off by a bit", () => {
  const text = compressibleBytes(createRandom(4), 500);
  const bytes = gzipSync(text);
  for (let bit = 0; bit < 64; bit++) {
    const damaged = bytes.slice();
    damaged[damaged.length - 8 + (bit >> 3)]! ^= 1 << (bit & 7);
    expect(ownOutcome(damaged)).toEqual({ code: "ERR_INFLATE_CHECKSUM" });
  }
});

test("CRC-32 of every length and alignment that the core may meet", () => {
  const random = createRandom(5);
  for (let length = 0; length < 300; length++) {
    const data = random.bytes(length);
    // Stored: what is not CRC-32 has no part in this.
    const bytes = gzipMember(deflateRawSync(data, { level: 0 }), data);
    expect(new DataView(bytes.buffer).getUint32(bytes.length - 8, true)).toBe(crc32(data));
    for (const chunkSize of [1, 17, bytes.length]) expectBytes(scanAll(inflate, bytes, { chunkSize }).output, data);
  }
});

test("scanGzip() of bytes that are nothing gives a coded error", () => {
  const random = createRandom(6);
  for (let round = 0; round < 500; round++) {
    const noise = random.bytes(random.below(400));
    for (const bytes of [noise, concat(gzipHeader(), noise)]) {
      const outcome = ownOutcome(bytes, random.chance(50));
      if (!("code" in outcome)) expect.fail(`accepted in round ${round}`);
      expect(outcome.code).toMatch(/^ERR_INFLATE_/);
    }
  }
});
