import { deflateRawSync, deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { InflateError } from "../errors.ts";
import { loadInflate } from "../load-inflate.ts";
import { platformDecoder } from "../platform-decoder.ts";
import type { SpanDecoder, Start } from "../span-decoder.ts";
import { BitWriter } from "./bit-writer.ts";
import { expectBytes } from "./expect-bytes.ts";
import { compressedMember, concat, gzipMember } from "./gzip-member.ts";
import { compressibleBytes, createRandom } from "./random.ts";
import { randomDeflate } from "./random-deflate.ts";
import { scanAll } from "./scan.ts";
import { sweep } from "./sweep.ts";

const WINDOW_SIZE = 32768;
const inflate = await loadInflate();
const incompressible = bothOf(createRandom(15).bytes(1_500_000));

function bothOf(output: Uint8Array): { readonly output: Uint8Array; readonly deflated: Uint8Array<ArrayBuffer> } {
  return { output, deflated: Uint8Array.from(deflateRawSync(output)) };
}

/** All that a decoder gives, in one piece. */
export async function decodeAll(
  decoder: SpanDecoder,
  start: Partial<Start>,
  compressed: Uint8Array,
  from: number,
  to: number,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of decoder.decode({ byte: 0, bits: 0, window: [], ...start }, compressed, {
    start: from,
    end: to,
  }))
    parts.push(part);
  return concat(...parts);
}

/** The code that it fails with, or "accepted". */
export async function codeOf(result: Promise<unknown>): Promise<unknown> {
  return await result.then(
    () => "accepted",
    (error: { code?: unknown }) => error.code ?? error,
  );
}

/** What every {@linkcode SpanDecoder} must do, as tests. */
export function describeDecoder(
  name: string,
  decoder: SpanDecoder,
  /** `seeds`: how many random streams. `stride`: of cuts at every length, every how many one is tried. */
  options: { readonly seeds?: number; readonly stride?: number } = {},
): void {
  const seeds = options.seeds ?? sweep(6, 40);
  const stride = options.stride ?? sweep(3, 1);
  // What others are compared with; the core itself with the platform's.
  const other = decoder === inflate.decoder ? (platformDecoder() ?? decoder) : inflate.decoder;

  describe(`${name}: resuming`, () => {
    test("decode() from every boundary of random members gives what the scan gave", async () => {
      const bitsSeen = new Set<number>();
      for (let seed = 0; seed < seeds; seed++) {
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
          const what = `seed ${seed}, boundary ${i}`;
          const got = await decodeAll(decoder, start, compressed, 0, length);
          expectBytes(got, output.subarray(from.uncompressed, end), what);
          // Part of it, and what is behind it in the same input is not needed.
          const [a, b] = [random.below(length + 1), random.below(length + 1)].sort((x, y) => x - y) as [number, number];
          const part = await decodeAll(decoder, start, compressed, a, b);
          expectBytes(part, output.subarray(from.uncompressed + a, from.uncompressed + b), what);
          // A byte less: an answer that is right, or an error. Never a short one.
          if (length === 0 || compressed.length === 0) continue;
          const cut = compressed.subarray(0, random.below(compressed.length));
          const code = await codeOf(
            decodeAll(decoder, start, cut, 0, length).then((bytes) =>
              expectBytes(bytes, output.subarray(from.uncompressed, end), what),
            ),
          );
          expect(["accepted", "ERR_INFLATE_TRUNCATED", "ERR_INFLATE_TRAILING_BYTES"], what).toContain(code);
        }
      }
      expect([...bitsSeen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    });

    test.for([0, 1, 2, 3, 4, 5, 6, 7])("decode() of a block that begins with %i bits of a byte", async (bits) => {
      const output = compressibleBytes(createRandom(20 + bits), 40_000);
      const window = compressibleBytes(createRandom(30), WINDOW_SIZE);
      // A block of a known length before, so that it begins where it should.
      const blocks = deflateRawSync(output, { dictionary: window });
      const writer = new BitWriter().bits(1, (8 - bits) % 8);
      for (const byte of blocks) writer.bits(byte, 8);
      const compressed = writer.finish();
      const start = { bits, window: [{ at: 0, bytes: window }] };
      expectBytes(await decodeAll(decoder, start, compressed, 0, output.length), output);
      const shorter = decodeAll(decoder, start, compressed.subarray(0, -100), 0, output.length);
      expect(await codeOf(shorter)).toBe("ERR_INFLATE_TRUNCATED");
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
      for (let wanted = 1; wanted <= output.length; wanted += stride) {
        const needed = ends[wanted] as number;
        expectBytes(
          await decodeAll(decoder, {}, deflated.subarray(0, needed), 0, wanted),
          Uint8Array.from(output.slice(0, wanted)),
        );
        expect(await codeOf(decodeAll(decoder, {}, deflated.subarray(0, needed - 1), 0, wanted))).toBe(
          "ERR_INFLATE_TRUNCATED",
        );
      }
    });

    // A decoder that goes several symbols a step was some of them ahead of the last byte wanted, and failed for what it found there.
    test("decode() of what comes before a fault, and no more", async () => {
      const writer = new BitWriter().bits(1, 1).bits(1, 2);
      const output = createRandom(10).bytes(40);
      for (const byte of output) {
        if (byte < 144) writer.code(0x30 + byte, 8);
        else writer.code(0x190 + byte - 144, 9);
      }
      // Symbol 286 means nothing; what follows is long enough for every step to be taken.
      const damaged = concat(writer.code(0xc6, 8).finish(), new Uint8Array(600));
      for (let wanted = 1; wanted <= output.length; wanted += stride)
        expectBytes(await decodeAll(decoder, {}, damaged, 0, wanted), output.subarray(0, wanted), `${wanted} bytes`);
      expect(await codeOf(decodeAll(decoder, {}, damaged, 0, output.length + 1))).toBe("ERR_INFLATE_DATA");
    });

    test("decode() of a stored block cut short", async () => {
      const output = createRandom(8).bytes(200);
      const deflated = deflateRawSync(output, { level: 0 });
      for (let length = 0; length < 205; length += stride) {
        const available = Math.max(0, length - 5);
        const cut = deflated.subarray(0, length);
        expectBytes(await decodeAll(decoder, {}, cut, 0, available), output.subarray(0, available));
        if (available < 200)
          expect(await codeOf(decodeAll(decoder, {}, cut, 0, available + 1))).toBe("ERR_INFLATE_TRUNCATED");
      }
    });

    test("decode() of zlib's own streams, of every strategy, cut", async () => {
      const output = compressibleBytes(createRandom(12), 3000);
      for (const [level, strategy] of [
        [0, 0],
        [1, 0],
        [6, 0],
        [9, 1],
        [6, 2],
        [6, 3],
        [6, 4],
      ] as const) {
        const compressed = deflateRawSync(output, { level, strategy, memLevel: 1 });
        for (let length = 0; length < compressed.length; length += stride + (length >> 5)) {
          const cut = decodeAll(decoder, {}, compressed.subarray(0, length), 0, output.length);
          // The last byte can hold nothing but the end of the block.
          const code = await codeOf(cut.then((bytes) => expectBytes(bytes, output)));
          if (length < compressed.length - 2) expect(code).toBe("ERR_INFLATE_TRUNCATED");
          else expect(["accepted", "ERR_INFLATE_TRUNCATED"]).toContain(code);
        }
      }
    });

    test("decode() yields chunks that stay as they are", async () => {
      const output = compressibleBytes(createRandom(9), 900_000);
      const chunks: Uint8Array[] = [];
      const deflated = deflateRawSync(output);
      const want = { start: 100, end: 900_000 };
      for await (const chunk of decoder.decode({ byte: 0, bits: 0, window: [] }, deflated, want)) {
        chunks.push(chunk);
        // Theirs alone: the buffer of one can be given away.
        expect(Object.getPrototypeOf(chunk)).toBe(Uint8Array.prototype);
      }
      expect(chunks.length).toBeGreaterThan(2);
      expectBytes(concat(...chunks), output.subarray(100));
    });

    test("decode() that may lend its chunks gives the same bytes, as long as each is asked for", async () => {
      const output = compressibleBytes(createRandom(10), 12_000_000);
      const deflated = deflateRawSync(output);
      const start = { byte: 0, bits: 0, window: [] };
      for (const want of [
        { start: 0, end: 12_000_000 },
        { start: 300_001, end: 6_000_000 },
        { start: 5, end: 6 },
      ]) {
        const chunks: Uint8Array[] = [];
        for await (const chunk of decoder.decode(start, deflated, want, { lends: true })) chunks.push(chunk.slice());
        expectBytes(concat(...chunks), output.subarray(want.start, want.end));
      }
      // Not read on: what was lent comes back all the same.
      for await (const chunk of decoder.decode(start, deflated, { start: 0, end: 12_000_000 }, { lends: true })) {
        expectBytes(chunk.slice(), output.subarray(0, chunk.length));
        break;
      }
      const kept = await decodeAll(decoder, start, deflated, 0, 3_000_000);
      await decodeAll(decoder, start, deflated, 3_000_000, 12_000_000);
      expectBytes(kept, output.subarray(0, 3_000_000));
    });

    test("decode() of shared memory", async () => {
      const output = compressibleBytes(createRandom(13), 300_000);
      const deflated = compressedMember(output).subarray(10);
      const shared = new Uint8Array(new SharedArrayBuffer(deflated.length + 7)).subarray(7);
      shared.set(deflated);
      expectBytes(await decodeAll(decoder, {}, shared, 0, output.length), output);
      const many = concat(shared, compressedMember(output));
      const sharedMany = new Uint8Array(new SharedArrayBuffer(many.length));
      sharedMany.set(many);
      expectBytes(
        await decodeAll(decoder, {}, sharedMany, 100, 2 * output.length),
        concat(output, output).subarray(100),
      );
    });
  });

  describe(`${name}: windows`, () => {
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
      const got = await decodeAll(decoder, { window }, deflated, 0, 6);
      expectBytes(got, Uint8Array.of(97, 98, 99, 0, 97, 98));
      expectBytes(await decodeAll(decoder, { window }, matches(4), 0, 3), Uint8Array.of(100, 0, 101));
    });

    test.for<[string, Start["window"], number, string]>([
      ["no window", [], 1, "ERR_INFLATE_DATA"],
      ["an empty piece", [{ at: 0, bytes: new Uint8Array(0) }], 1, "ERR_INFLATE_DATA"],
      ["three bytes", [{ at: WINDOW_SIZE - 3, bytes: abc }], 3, "accepted"],
      ["three bytes, and a distance of four", [{ at: WINDOW_SIZE - 3, bytes: abc }], 4, "ERR_INFLATE_DATA"],
      ["all but the first byte", [{ at: 1, bytes: abc }], 32768, "ERR_INFLATE_DATA"],
      ["the first byte", [{ at: 0, bytes: abc }], 32768, "accepted"],
    ])("a match may reach the first byte of %s", async ([, window, distance, expected]) => {
      expect(await codeOf(decodeAll(decoder, { window }, matches(distance), 0, 3))).toBe(expected);
    });

    test("a match in a later member may not reach the window or the member before", async () => {
      const window = [{ at: 0, bytes: new Uint8Array(WINDOW_SIZE) }];
      const bytes = concat(deflateRawSync(abc), new Uint8Array(8), gzipMember(matches(1), abc));
      expect(await codeOf(decodeAll(decoder, { window }, bytes, 0, 4))).toBe("ERR_INFLATE_DATA");
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

  describe(`${name}: what is no bytes, or is gone`, () => {
    const { output, deflated } = incompressible;
    const want = { start: 0, end: output.length };
    const start: Start = { byte: 0, bits: 0, window: [] };

    test.for<[string, unknown]>([
      ["ArrayBuffer", deflated.buffer],
      ["SharedArrayBuffer", new SharedArrayBuffer(10)],
      ["DataView", new DataView(deflated.buffer)],
      ["Uint16Array", new Uint16Array(10)],
      ["Array", [1, 2]],
      ["String", "text"],
      ["Undefined", undefined],
    ])("decode() refuses a %s, and names it", ([found, given]) => {
      const bytes = given as Uint8Array;
      const expected = new RegExp(`^Cannot decode a span: .* must be a Uint8Array, ${found} was given$`);
      const decode = (own: Partial<Start>, compressed: Uint8Array) => () =>
        decoder.decode({ ...start, ...own }, compressed, want);
      expect(decode({}, bytes)).toThrow(expected);
      expect(decode({}, bytes)).toThrow(TypeError);
      expect(decode({ window: [{ at: 0, bytes }] }, deflated)).toThrow(expected);
      if (bytes !== undefined) expect(decode({ blockHeader: bytes }, deflated)).toThrow(expected);
    });

    /** Takes the bytes away, all of them, as posting them to a worker does. */
    const takeAway = (bytes: Uint8Array): void => void structuredClone(bytes, { transfer: [bytes.buffer] });

    test.for([0, 3])("decode() of bytes that are gone before it begins ends, %i bits into a byte", async (bits) => {
      const before = deflated.slice();
      takeAway(before);
      expect(await codeOf(decodeAll(decoder, { bits }, before, 0, output.length))).toBe("ERR_INFLATE_TRUNCATED");
      const between = deflated.slice();
      const chunks = decoder.decode({ ...start, bits }, between, want)[Symbol.asyncIterator]();
      takeAway(between);
      expect(await codeOf(Promise.resolve(chunks.next()))).toBe("ERR_INFLATE_TRUNCATED");
    });

    test.for<[string, (own: Uint8Array) => Partial<Start>]>([
      ["a piece of the window", (own) => ({ window: [{ at: 7, bytes: own }] })],
      ["a block's header", (own) => ({ blockHeader: own })],
    ])("decode() refuses %s that is gone, before and when it begins", async ([, startOf]) => {
      const own = new Uint8Array(5);
      const chunks = decoder.decode({ ...start, ...startOf(own) }, deflated, want)[Symbol.asyncIterator]();
      takeAway(own);
      await expect(chunks.next()).rejects.toThrow(TypeError);
      expect(() => decoder.decode({ ...start, ...startOf(own) }, deflated, want)).toThrow(
        /must not be transferred away$/,
      );
    });

    test("decode() refuses a window that was changed to one that cannot be, when it begins", async () => {
      const window = [{ at: 0, bytes: new Uint8Array(5) }];
      const chunks = decoder.decode({ ...start, window }, deflated, want)[Symbol.asyncIterator]();
      window[0] = { at: WINDOW_SIZE, bytes: new Uint8Array(5) };
      await expect(chunks.next()).rejects.toThrow(RangeError);
    });

    test.for<[string, Uint8Array]>([
      ["a stream", deflated],
      [
        "many members",
        concat(...Array.from({ length: 8 }, () => compressedMember(output.subarray(0, 200_000)))).slice(10),
      ],
    ])("decode() of %s whose bytes go meanwhile ends", async ([, bytes]) => {
      const own = bytes.slice();
      let length = 0;
      const reading = (async () => {
        for await (const chunk of decoder.decode(start, own, want)) {
          if (length === 0) takeAway(own);
          length += chunk.length;
        }
      })();
      // A pool has a copy; others may have read all.
      const code = await codeOf(reading);
      if (code === "accepted") expect(length).toBe(output.length);
      else expect(code).toBe("ERR_INFLATE_TRUNCATED");
      expect(own.length).toBe(0);
    });
  });

  describe(`${name}: members`, () => {
    const text = new TextEncoder().encode("members follow each other. ".repeat(30));
    const raw = deflateRawSync(text);
    const member = compressedMember(text);
    const anyTrailer = new Uint8Array(8);
    const twice = concat(text, text);
    const more = text.length + 1;
    const allFields = { extra: Uint8Array.of(1, 2, 3), name: "name", comment: "comment", headerCrc: true };
    const fieldsHeader = compressedMember(text, allFields).length - member.length + 10;

    test.for<[string, Uint8Array, number, string]>([
      ["the first member's trailer is missing, and not needed", raw, text.length, "accepted"],
      ["the first member's trailer is there, and not needed", concat(raw, anyTrailer), text.length, "accepted"],
      [
        "the first member's trailer is wrong: it cannot be known",
        concat(raw, anyTrailer, member),
        2 * text.length,
        "accepted",
      ],
      ["a zlib member follows", concat(raw, anyTrailer, deflateSync(text)), 2 * text.length, "accepted"],
      ["the first member is zlib's, and ends there", deflateSync(text).subarray(2), text.length, "accepted"],
      [
        "the first member is zlib's: it is taken for gzip's, and the next one is not found",
        concat(deflateSync(text).subarray(2), member),
        2 * text.length,
        "ERR_INFLATE_TRAILING_BYTES",
      ],
      [
        "a zlib member follows whose checksum is wrong",
        concat(raw, anyTrailer, deflateSync(text).subarray(0, -4), new Uint8Array(4), member),
        2 * text.length + 1,
        "ERR_INFLATE_CHECKSUM",
      ],
      [
        "a member with all fields of a header follows",
        concat(raw, anyTrailer, compressedMember(text, allFields)),
        2 * text.length,
        "accepted",
      ],
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
      [
        "a later member's size is wrong",
        concat(raw, anyTrailer, member.with(member.length - 1, 9), member),
        2 * text.length + 1,
        "ERR_INFLATE_CHECKSUM",
      ],
      ["nothing follows, and more is wanted", concat(raw, anyTrailer), more, "ERR_INFLATE_TRUNCATED"],
      ["a trailer is cut, and more is wanted", concat(raw, anyTrailer.subarray(1)), more, "ERR_INFLATE_TRUNCATED"],
      [
        "a stray byte follows, and more is wanted",
        concat(raw, anyTrailer, Uint8Array.of(7)),
        more,
        "ERR_INFLATE_TRAILING_BYTES",
      ],
      ["half a magic number follows", concat(raw, anyTrailer, Uint8Array.of(0x1f)), more, "ERR_INFLATE_TRUNCATED"],
      [
        "NULs follow, and more is wanted",
        concat(raw, anyTrailer, new Uint8Array(100)),
        more,
        "ERR_INFLATE_TRAILING_BYTES",
      ],
      ["another method follows", concat(raw, anyTrailer, member.with(2, 7)), more, "ERR_INFLATE_HEADER"],
      ["reserved flags follow", concat(raw, anyTrailer, member.with(3, 0x20)), more, "ERR_INFLATE_HEADER"],
      [
        "a header's CRC is wrong",
        concat(raw, anyTrailer, compressedMember(text, allFields).with(4, 1)),
        more,
        "ERR_INFLATE_HEADER",
      ],
      ["a dictionary is asked for", concat(raw, anyTrailer, Uint8Array.of(0x78, 0xbb)), more, "ERR_INFLATE_DICTIONARY"],
      [
        "a later member is cut",
        concat(raw, anyTrailer, member.subarray(0, 30)),
        2 * text.length,
        "ERR_INFLATE_TRUNCATED",
      ],
      ["there is nothing at all", new Uint8Array(0), 1, "ERR_INFLATE_TRUNCATED"],
    ])("decode() when %s", async ([, compressed, end, expected]) => {
      const result = decodeAll(decoder, {}, compressed, 0, end);
      expect(await codeOf(result)).toBe(expected);
      if (expected === "accepted") expectBytes(await result, twice.subarray(0, end));
    });

    test("decode() when a later member's header is cut anywhere", async () => {
      const later = compressedMember(text, allFields);
      for (let length = 1; length < fieldsHeader; length += stride) {
        const result = decodeAll(decoder, {}, concat(raw, anyTrailer, later.subarray(0, length)), 0, more);
        expect(await codeOf(result), `${length} bytes`).toBe("ERR_INFLATE_TRUNCATED");
      }
    });

    test("decode() of many small members", async () => {
      const output = compressibleBytes(createRandom(14), 200_000);
      const parts: Uint8Array[] = [];
      for (let at = 0; at < output.length; at += 4000) parts.push(compressedMember(output.subarray(at, at + 4000)));
      const compressed = concat(...parts).subarray(10);
      expectBytes(await decodeAll(decoder, {}, compressed, 7, output.length), output.subarray(7));
    });

    test("decode() of nothing gives nothing, from nothing", async () => {
      expect(await decodeAll(decoder, { bits: 3 }, new Uint8Array(0), 5, 5)).toEqual(new Uint8Array(0));
    });

    test.for([1, 2, 3, 4, 5, 6, 7])("decode() with %i bits and no, or too few, bytes fails", async (bits) => {
      expect(await codeOf(decodeAll(decoder, { bits }, new Uint8Array(0), 0, 1))).toBe("ERR_INFLATE_TRUNCATED");
      // The bits left of 0x00 are a stored block's header, or the start of one; then nothing.
      expect(await codeOf(decodeAll(decoder, { bits }, Uint8Array.of(0), 0, 1))).toBe("ERR_INFLATE_TRUNCATED");
    });

    test("decode() of blocks that give nothing ends", async () => {
      const emptyBlocks = new Uint8Array(500_000);
      for (let at = 0; at < emptyBlocks.length; at += 5) emptyBlocks.set([0, 0, 0, 255, 255], at);
      expect(await codeOf(decodeAll(decoder, {}, emptyBlocks, 0, 1))).toBe("ERR_INFLATE_TRUNCATED");
    });

    test("errors name the offset in the compressed stream", async () => {
      const damaged = concat(raw.subarray(0, 10), new Uint8Array(40));
      const failing = decodeAll(decoder, { byte: 1_000_000 }, damaged, 0, text.length);
      const error = await failing.catch((failure: unknown) => failure);
      expect(error).toBeInstanceOf(InflateError);
      expect((error as InflateError).offset).toBeGreaterThanOrEqual(1_000_000);
      expect((error as InflateError).offset).toBeLessThanOrEqual(1_000_050);
    });

    test("decode() of damaged streams ends as another decoder's does", async () => {
      for (let seed = 0; seed < seeds * 10; seed++) {
        const random = createRandom(5000 + seed);
        const { deflated, output } = randomDeflate(random, 1 + random.below(4));
        const damaged = Uint8Array.from(concat(deflated, anyTrailer, member));
        for (let n = 1 + random.below(3); n > 0; n--) damaged[random.below(damaged.length)] = random.below(256);
        const end = 1 + random.below(output.length + text.length);
        const window = [{ at: 0, bytes: new Uint8Array(random.below(2) * WINDOW_SIZE) }];
        const [got, wanted] = await Promise.all(
          [decoder, other].map(async (own) => {
            const result = decodeAll(own, { window }, damaged, 0, end);
            const code = await codeOf(result);
            return { code, bytes: code === "accepted" ? await result : new Uint8Array(0) };
          }),
        );
        expect(got?.code, `seed ${seed}`).toBe(wanted?.code);
        expectBytes(got?.bytes as Uint8Array, wanted?.bytes as Uint8Array, `seed ${seed}`);
      }
    });
  });

  describe(`${name}: interruption`, () => {
    const output = compressibleBytes(createRandom(11), 1_000_000);
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
        Array.from({ length: 5 }, () => decodeAll(decoder, {}, deflated, 0, output.length)),
      );
      for (const got of all) expectBytes(got, output);
    });

    const emptyMember = compressedMember(new Uint8Array(0));
    // BFINAL 0, BTYPE 01 and the end of the block, four times: 40 bits.
    const emptyBlocks = Uint8Array.of(0x02, 0x08, 0x20, 0x80, 0x00);
    test.for<[string, Uint8Array, number]>([
      ["empty members", emptyMember, 40_000],
      ["empty blocks", emptyBlocks, 1_000_000],
    ])("timers run, and aborts come, during decode() of %s", async ([what, bytes, count]) => {
      const many = new Uint8Array(bytes.length * count);
      for (let at = 0; at < many.length; at += bytes.length) many.set(bytes, at);
      const controller = new AbortController();
      const reason = new Error("changed my mind");
      const timer = setTimeout(() => controller.abort(reason), 1);
      const compressed = what === "empty members" ? many.subarray(10) : many;
      const reading = decoder
        .decode(start, compressed, { start: 0, end: 1 }, { signal: controller.signal })
        [Symbol.asyncIterator]()
        .next();
      await expect(reading).rejects.toBe(reason);
      clearTimeout(timer);
    });

    test("timers run during a long decode()", async () => {
      // Others have their turn after each 16 MiB.
      const length = sweep(20, 64) * 1024 * 1024;
      const zeros = deflateRawSync(new Uint8Array(length));
      let ticks = 0;
      const timer = setInterval(() => ticks++, 1);
      for await (const _ of decoder.decode(start, zeros, { start: 0, end: length }));
      clearInterval(timer);
      expect(ticks).toBeGreaterThan(0);
    });
  });
}
