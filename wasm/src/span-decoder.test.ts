import { deflateRawSync, deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { WINDOW_SIZE } from "./core.ts";
import { InflateError } from "./errors.ts";
import { compileOwnModule, createInflate, loadInflate } from "./load-inflate.ts";
import type { SpanDecoder, Start } from "./span-decoder.ts";
import { BitWriter } from "./testing/bit-writer.ts";
import { expectBytes } from "./testing/expect-bytes.ts";
import { compressedMember, concat, gzipMember } from "./testing/gzip-member.ts";
import { compressibleBytes, createRandom } from "./testing/random.ts";
import { randomDeflate } from "./testing/random-deflate.ts";
import { scanAll } from "./testing/scan.ts";

const inflate = await loadInflate();
const { decoder } = inflate;
const cramped = (await createInflate(await compileOwnModule(), { input: 512, output: 300 })).decoder;

async function decode(
  own: SpanDecoder,
  start: Omit<Start, "byte" | "window"> & Partial<Start>,
  compressed: Uint8Array,
  from: number,
  to: number,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of own.decode({ byte: 0, window: [], ...start }, compressed, { start: from, end: to }))
    parts.push(part);
  return concat(...parts);
}

async function codeOf(result: Promise<unknown>): Promise<unknown> {
  return await result.then(
    () => "accepted",
    (error: { code?: unknown }) => error.code ?? error,
  );
}

describe("resuming", () => {
  test("decode() from every boundary of random members gives what the scan gave", async () => {
    const bitsSeen = new Set<number>();
    for (let seed = 0; seed < 40; seed++) {
      const random = createRandom(1000 + seed);
      const members = Array.from({ length: 1 + random.below(4) }, () => {
        const { deflated, output } = randomDeflate(random, 1 + random.below(8));
        return gzipMember(deflated, output, random.pick([{}, { name: "n", headerCrc: true }]));
      });
      const bytes = concat(...members);
      const { output, boundaries, windows } = scanAll(inflate, bytes, { windows: true });
      for (const [i, from] of boundaries.entries()) {
        bitsSeen.add(from.bits);
        const to = random.chance(50) ? boundaries[i + 1] : random.pick(boundaries.slice(i));
        const end = to?.uncompressed ?? output.length;
        const byte = from.compressed - (from.bits === 0 ? 0 : 1);
        const compressed = bytes.subarray(byte, to?.compressed ?? bytes.length);
        const start = { byte, bits: from.bits, window: [{ at: 0, bytes: windows[i] as Uint8Array }] };
        const length = end - from.uncompressed;
        const got = await decode(random.pick([decoder, cramped]), start, compressed, 0, length);
        expectBytes(got, output.subarray(from.uncompressed, end), `seed ${seed}, boundary ${i}`);
        // Part of it, and what is behind it in the same input is not needed.
        const [a, b] = [random.below(length + 1), random.below(length + 1)].sort((x, y) => x - y) as [number, number];
        const part = await decode(decoder, start, compressed, a, b);
        expectBytes(part, output.subarray(from.uncompressed + a, from.uncompressed + b), `seed ${seed}, boundary ${i}`);
      }
    }
    expect([...bitsSeen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test("decode() needs each byte up to the one where its last symbol ends, and no more", async () => {
    // A stream of fixed codes whose symbols' ends are known.
    const writer = new BitWriter().bits(1, 1).bits(1, 2);
    const random = createRandom(7);
    const output: number[] = [];
    const ends: number[] = [0];
    for (let i = 0; i < 60; i++) {
      if (i > 3 && random.chance(30)) {
        // Length 3 to 10, symbols 257 to 264; distance 1 to 4.
        const [length, distance] = [random.below(8), random.below(4)];
        writer.code(1 + length, 7).code(distance, 5);
        for (let n = 0; n < length + 3; n++) output.push(output.at(-distance - 1) as number);
      } else {
        const literal = random.below(256);
        if (literal < 144) writer.code(0x30 + literal, 8);
        else writer.code(0x190 + literal - 144, 9);
        output.push(literal);
      }
      while (ends.length <= output.length) ends.push(Math.ceil(writer.length / 8));
    }
    writer.code(0, 7);
    const deflated = writer.finish();
    for (let wanted = 1; wanted <= output.length; wanted++) {
      const needed = ends[wanted] as number;
      expectBytes(
        await decode(decoder, { bits: 0 }, deflated.subarray(0, needed), 0, wanted),
        Uint8Array.from(output.slice(0, wanted)),
      );
      expect(await codeOf(decode(decoder, { bits: 0 }, deflated.subarray(0, needed - 1), 0, wanted))).toBe(
        "ERR_INFLATE_TRUNCATED",
      );
    }
  });

  test("decode() of a stored block cut short", async () => {
    const output = createRandom(8).bytes(200);
    const deflated = deflateRawSync(output, { level: 0 });
    for (let length = 0; length < 205; length++) {
      const available = Math.max(0, length - 5);
      const cut = deflated.subarray(0, length);
      expectBytes(await decode(decoder, { bits: 0 }, cut, 0, available), output.subarray(0, available));
      if (available < 200)
        expect(await codeOf(decode(decoder, { bits: 0 }, cut, 0, available + 1))).toBe("ERR_INFLATE_TRUNCATED");
    }
  });

  test("decode() yields chunks that stay as they are", async () => {
    const output = compressibleBytes(createRandom(9), 900_000);
    const chunks: Uint8Array[] = [];
    const deflated = deflateRawSync(output);
    for await (const chunk of decoder.decode({ byte: 0, bits: 0, window: [] }, deflated, { start: 100, end: 900_000 }))
      chunks.push(chunk);
    expect(chunks.length).toBeGreaterThan(2);
    expectBytes(concat(...chunks), output.subarray(100));
  });
});

describe("windows", () => {
  /** Fixed block: lengths 3, of the given distances 1–4, 32768 or 24577. */
  function matches(...distances: readonly number[]): Uint8Array {
    const writer = new BitWriter().bits(1, 1).bits(1, 2);
    for (const distance of distances) {
      writer.code(1, 7);
      if (distance > 24576) writer.code(29, 5).bits(distance - 24577, 13);
      else writer.code(distance - 1, 5);
    }
    return writer.code(0, 7).finish();
  }
  const abc = Uint8Array.of(97, 98, 99);

  test("pieces are where they say; between them are zeros, whatever was there before", async () => {
    const window = [
      { at: 0, bytes: abc },
      { at: WINDOW_SIZE - 4, bytes: Uint8Array.of(100) },
      { at: WINDOW_SIZE - 2, bytes: Uint8Array.of(101) },
    ];
    const deflated = matches(32768, 4);
    const got = await decode(decoder, { bits: 0, window }, deflated, 0, 6);
    expectBytes(got, Uint8Array.of(97, 98, 99, 0, 97, 98));
    expectBytes(await decode(decoder, { bits: 0, window }, matches(4), 0, 3), Uint8Array.of(100, 0, 101));
  });

  test.for<[string, Start["window"], number, string]>([
    ["no window", [], 1, "ERR_INFLATE_DATA"],
    ["an empty piece", [{ at: 0, bytes: new Uint8Array(0) }], 1, "ERR_INFLATE_DATA"],
    ["three bytes", [{ at: WINDOW_SIZE - 3, bytes: abc }], 3, "accepted"],
    ["three bytes, and a distance of four", [{ at: WINDOW_SIZE - 3, bytes: abc }], 4, "ERR_INFLATE_DATA"],
    ["all but the first byte", [{ at: 1, bytes: abc }], 32768, "ERR_INFLATE_DATA"],
    ["the first byte", [{ at: 0, bytes: abc }], 32768, "accepted"],
  ])("a match may reach the first byte of %s", async ([, window, distance, expected]) => {
    expect(await codeOf(decode(decoder, { bits: 0, window }, matches(distance), 0, 3))).toBe(expected);
  });

  test("a match in a later member may not reach the window or the member before", async () => {
    const window = [{ at: 0, bytes: new Uint8Array(WINDOW_SIZE) }];
    const bytes = concat(deflateRawSync(abc), new Uint8Array(8), gzipMember(matches(1), abc));
    expect(await codeOf(decode(decoder, { bits: 0, window }, bytes, 0, 4))).toBe("ERR_INFLATE_DATA");
  });

  test.for<[string, Partial<Start>, { start: number; end: number }]>([
    ["a negative offset", { byte: -1 }, { start: 0, end: 1 }],
    ["8 bits", { bits: 8 }, { start: 0, end: 1 }],
    ["-1 bits", { bits: -1 }, { start: 0, end: 1 }],
    ["half a bit", { bits: 0.5 }, { start: 0, end: 1 }],
    ["a piece before the window", { window: [{ at: -1, bytes: abc }] }, { start: 0, end: 1 }],
    ["a piece past the window", { window: [{ at: WINDOW_SIZE - 2, bytes: abc }] }, { start: 0, end: 1 }],
    ["a range that ends before it starts", {}, { start: 2, end: 1 }],
    ["a range before the start", {}, { start: -1, end: 1 }],
    ["a range without an end", {}, { start: 0, end: Infinity }],
  ])("decode() refuses %s", ([, start, want]) => {
    expect(() => decoder.decode({ byte: 0, bits: 0, window: [], ...start }, deflateRawSync(abc), want)).toThrow(
      RangeError,
    );
  });
});

describe("members", () => {
  const text = new TextEncoder().encode("members follow each other. ".repeat(30));
  const raw = deflateRawSync(text);
  const member = compressedMember(text);
  const anyTrailer = new Uint8Array(8);
  const twice = concat(text, text);

  test.for<[string, Uint8Array, number, string]>([
    ["the first member's trailer is missing, and not needed", raw, text.length, "accepted"],
    [
      "the first member's trailer is wrong: it cannot be known",
      concat(raw, anyTrailer, member),
      2 * text.length,
      "accepted",
    ],
    ["a zlib member follows", concat(raw, anyTrailer, deflateSync(text)), 2 * text.length, "accepted"],
    [
      "an empty member follows",
      concat(raw, anyTrailer, compressedMember(new Uint8Array(0)), member),
      2 * text.length,
      "accepted",
    ],
    [
      "the last trailer is missing, and not needed",
      concat(raw, anyTrailer, member.subarray(0, -8)),
      2 * text.length,
      "accepted",
    ],
    [
      "the last trailer is wrong, and not looked at",
      concat(raw, anyTrailer, member.with(member.length - 1, 9)),
      2 * text.length,
      "accepted",
    ],
    [
      "a later member's trailer is wrong",
      concat(raw, anyTrailer, member.with(member.length - 8, member.at(-8)! ^ 1), member),
      2 * text.length + 1,
      "ERR_INFLATE_CHECKSUM",
    ],
    ["nothing follows, and more is wanted", concat(raw, anyTrailer), text.length + 1, "ERR_INFLATE_TRUNCATED"],
    [
      "a trailer is cut, and more is wanted",
      concat(raw, anyTrailer.subarray(1)),
      text.length + 1,
      "ERR_INFLATE_TRUNCATED",
    ],
    [
      "a stray byte follows, and more is wanted",
      concat(raw, anyTrailer, Uint8Array.of(7)),
      text.length + 1,
      "ERR_INFLATE_TRAILING_BYTES",
    ],
    [
      "NULs follow, and more is wanted",
      concat(raw, anyTrailer, new Uint8Array(100)),
      text.length + 1,
      "ERR_INFLATE_TRAILING_BYTES",
    ],
    [
      "a later member is cut",
      concat(raw, anyTrailer, member.subarray(0, 30)),
      2 * text.length,
      "ERR_INFLATE_TRUNCATED",
    ],
    ["there is nothing at all", new Uint8Array(0), 1, "ERR_INFLATE_TRUNCATED"],
  ])("decode() when %s", async ([, compressed, end, expected]) => {
    for (const own of [decoder, cramped]) {
      const result = decode(own, { bits: 0 }, compressed, 0, end);
      expect(await codeOf(result)).toBe(expected);
      if (expected === "accepted") expectBytes(await result, twice.subarray(0, end));
    }
  });

  test("decode() of nothing gives nothing, from nothing", async () => {
    expect(await decode(decoder, { bits: 3 }, new Uint8Array(0), 5, 5)).toEqual(new Uint8Array(0));
  });

  test.for([1, 2, 3, 4, 5, 6, 7])("decode() with %i bits and no, or too few, bytes fails", async (bits) => {
    expect(await codeOf(decode(decoder, { bits }, new Uint8Array(0), 0, 1))).toBe("ERR_INFLATE_TRUNCATED");
    // The bits left of 0x00 are a stored block's header, or the start of one; then nothing.
    expect(await codeOf(decode(decoder, { bits }, Uint8Array.of(0), 0, 1))).toBe("ERR_INFLATE_TRUNCATED");
  });

  test("decode() of blocks that give nothing ends", async () => {
    const emptyBlocks = new Uint8Array(500_000);
    for (let at = 0; at < emptyBlocks.length; at += 5) emptyBlocks.set([0, 0, 0, 255, 255], at);
    expect(await codeOf(decode(decoder, { bits: 0 }, emptyBlocks, 0, 1))).toBe("ERR_INFLATE_TRUNCATED");
  });

  test("errors name the offset in the compressed stream", async () => {
    const damaged = concat(raw.subarray(0, 10), new Uint8Array(40));
    const error = await decode(decoder, { byte: 1_000_000, bits: 0 }, damaged, 0, text.length).catch(
      (failure: unknown) => failure,
    );
    expect(error).toBeInstanceOf(InflateError);
    expect((error as InflateError).offset).toBeGreaterThanOrEqual(1_000_000);
    expect((error as InflateError).offset).toBeLessThanOrEqual(1_000_050);
  });
});

describe("interruption", () => {
  const output = compressibleBytes(createRandom(11), 2_000_000);
  const deflated = deflateRawSync(output);
  const whole = { start: 0, end: output.length };
  const start: Start = { byte: 0, bits: 0, window: [] };

  test("decode() rejects with the signal's reason", async () => {
    const reason = new Error("changed my mind");
    const before = decoder.decode(start, deflated, whole, { signal: AbortSignal.abort(reason) });
    await expect(before[Symbol.asyncIterator]().next()).rejects.toBe(reason);

    const controller = new AbortController();
    let chunks = 0;
    const during = (async () => {
      for await (const _ of decoder.decode(start, deflated, whole, { signal: controller.signal })) {
        chunks++;
        controller.abort(reason);
      }
    })();
    await expect(during).rejects.toBe(reason);
    expect(chunks).toBe(1);
  });

  test("decode() left early, or started many times, does not disturb others", async () => {
    for await (const _ of decoder.decode(start, deflated, whole)) break;
    const all = await Promise.all(
      Array.from({ length: 10 }, () => decode(decoder, { bits: 0 }, deflated, 0, output.length)),
    );
    for (const got of all) expectBytes(got, output);
  });

  test("timers run during a long decode()", async () => {
    const zeros = deflateRawSync(new Uint8Array(64 * 1024 * 1024));
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    for await (const _ of decoder.decode(start, zeros, { start: 0, end: 64 * 1024 * 1024 }));
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(0);
  });

  test("an instance that traps is given up, the next one works", async () => {
    // An output buffer said to be larger than the memory: the decoder runs out of it.
    const broken = await createInflate(await compileOwnModule(), { input: 1024, output: 2 ** 24 });
    const zeros = deflateRawSync(new Uint8Array(4_000_000));
    const trapped = decode(broken.decoder, { bits: 0 }, zeros, 0, 4_000_000);
    await expect(trapped).rejects.toMatchObject({
      code: "ERR_INFLATE_ABORTED_INSTANCE",
      cause: expect.any(WebAssembly.RuntimeError),
    });
    expectBytes(await decode(broken.decoder, { bits: 0 }, zeros, 0, 1000), new Uint8Array(1000));
  });
});
