import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ZtocError, type ZtocErrorCode } from "./errors.ts";
import { decodeTarZinfo, encodeTarZinfo, tarSpanCount } from "./tar-zinfo.ts";
import { sampleCheckpoint } from "./testing/sample-ztoc.ts";
import { decodeZinfo, encodeZinfo, WINDOW_SIZE, type Checkpoint } from "./zinfo.ts";

function codeOf(work: () => unknown): ZtocErrorCode | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!(error instanceof ZtocError)) throw error;
    return error.code;
  }
}

const hex = (text: string): Uint8Array =>
  Uint8Array.from(text.trim().split(/\s+/), (byte) => Number.parseInt(byte, 16));

const second = sampleCheckpoint({
  compressedOffset: 500,
  uncompressedOffset: 70_000,
  bits: 5,
  window: new Uint8Array(WINDOW_SIZE).fill(0xab),
});

function zinfo(checkpoints: readonly Checkpoint[], version: 1 | 2 = 2): Uint8Array {
  return encodeZinfo({ version, spanSize: 65536, checkpoints });
}

function changed(bytes: Uint8Array, at: number, ...values: readonly number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
}

describe("decodeZinfo()", () => {
  test("gives back what encodeZinfo() wrote, windows as views", () => {
    const bytes = zinfo([sampleCheckpoint(), second]);
    expect(bytes).toHaveLength(12 + 2 * 32785);
    const decoded = decodeZinfo(bytes);
    expect(decoded).toMatchObject({ version: 2, spanSize: 65536 });
    expect(Array.from(decoded.checkpoints, ({ compressedOffset, bits }) => [compressedOffset, bits])).toEqual([
      [10, 0],
      [500, 5],
    ]);
    expect(decoded.checkpoints.at(1)?.window.buffer).toBe(bytes.buffer);
    expect(Buffer.compare(encodeZinfo(decoded), bytes)).toBe(0);
  });

  test("takes version 1, which has no checkpoint 0, and encodes it as it was", () => {
    const bytes = zinfo([sampleCheckpoint(), second], 1);
    expect(bytes).toHaveLength(12 + 32785);
    const decoded = decodeZinfo(bytes);
    expect(decoded.version).toBe(1);
    expect(decoded.checkpoints.at(0)).toMatchObject({ compressedOffset: 10, uncompressedOffset: 0, bits: 0 });
    expect(decoded.checkpoints.at(1)).toMatchObject({ compressedOffset: 500, bits: 5 });
    expect(Buffer.compare(encodeZinfo(decoded), bytes)).toBe(0);
  });

  test("takes version 1 with no checkpoint at all", () => {
    expect(decodeZinfo(hex("01 00 00 00 00 00 40 00 00 00 00 00")).checkpoints.length).toBe(1);
  });

  test("has no checkpoint outside its list", () => {
    const { checkpoints } = decodeZinfo(zinfo([sampleCheckpoint()]));
    expect(checkpoints.at(1)).toBeUndefined();
    expect(checkpoints.at(-1)).toBeUndefined();
  });

  test("takes checkpoints at one place: the reference writes them", () => {
    expect(
      codeOf(() => decodeZinfo(zinfo([sampleCheckpoint(), sampleCheckpoint({ compressedOffset: 15 })]))),
    ).toBeUndefined();
  });

  const two = zinfo([sampleCheckpoint(), second]);
  const at1 = 12 + 32785;
  test.each<readonly [string, Uint8Array, ZtocErrorCode]>([
    ["nothing", new Uint8Array(0), "ERR_ZTOC_EMPTY_ZINFO"],
    ["less than its header", new Uint8Array(11), "ERR_ZTOC_INVALID_ZINFO"],
    ["a count of 0", new Uint8Array(12), "ERR_ZTOC_INVALID_ZINFO"],
    ["a count below 0", changed(two, 0, 0xff, 0xff, 0xff, 0xff), "ERR_ZTOC_INVALID_ZINFO"],
    ["a count that wraps in 32 bits", hex("ff ff ff 7f 00 00 00 00 00 00 00 00"), "ERR_ZTOC_INVALID_ZINFO"],
    [
      "a byte more",
      new Uint8Array([...two.subarray(0, 100), ...new Uint8Array(two.length - 99)]),
      "ERR_ZTOC_INVALID_ZINFO",
    ],
    ["a checkpoint too many", changed(two, 0, 1), "ERR_ZTOC_INVALID_ZINFO"],
    ["a span size below 0", changed(two, 11, 0x80), "ERR_ZTOC_INVALID_ZINFO"],
    ["8 bits", changed(two, at1 + 16, 8), "ERR_ZTOC_INVALID_CHECKPOINT"],
    [
      "bits of a byte that is not there",
      zinfo([sampleCheckpoint({ compressedOffset: 0, bits: 1 })]),
      "ERR_ZTOC_INVALID_CHECKPOINT",
    ],
    [
      "compressed offsets that go back",
      zinfo([sampleCheckpoint(), { ...second, compressedOffset: 9 }]),
      "ERR_ZTOC_INVALID_CHECKPOINT",
    ],
    [
      "output that goes back",
      zinfo([
        { ...second, compressedOffset: 1 },
        { ...second, uncompressedOffset: 1 },
      ]),
      "ERR_ZTOC_INVALID_CHECKPOINT",
    ],
    ["an offset below 0", changed(two, at1 + 7, 0x80), "ERR_ZTOC_INVALID_CHECKPOINT"],
    ["an offset of 2^53", changed(two, at1 + 14, 0x20), "ERR_ZTOC_INVALID_CHECKPOINT"],
  ])("refuses %s", (_, bytes, code) => {
    expect(codeOf(() => decodeZinfo(bytes))).toBe(code);
  });

  test("turns any bytes into a value or a coded error", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.nat({ max: 3 }),
        fc.integer({ min: -1, max: 1 }),
        (head, count, more) => {
          const bytes = new Uint8Array(Math.max(0, 12 + count * 32785 + more));
          bytes.set(head.subarray(0, bytes.length));
          if (bytes.length > 3) bytes.set([count, 0, 0, 0]);
          codeOf(() => Array.from(decodeZinfo(bytes).checkpoints));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("encodeZinfo() refuses", () => {
  test("no checkpoints, and windows of another length", () => {
    expect(() => zinfo([])).toThrow(RangeError);
    expect(() => zinfo([sampleCheckpoint({ window: new Uint8Array(5) })])).toThrow(RangeError);
  });
});

describe("encodeTarZinfo() and decodeTarZinfo()", () => {
  test.each([
    [
      { version: 2, spanSize: 4_194_304, size: 10_240 },
      `14 00 00 00 00 00 00 00 00 00 0a 00 1c 00 18 00
       0c 00 04 00 0a 00 00 00 00 28 00 00 00 00 00 00
       00 00 40 00 00 00 00 00 00 00 00 00 02 00 00 00`,
    ],
    [
      { version: 2, spanSize: 4_194_304, size: 0 },
      `0c 00 00 00 08 00 14 00 10 00 04 00 08 00 00 00
       00 00 40 00 00 00 00 00 00 00 00 00 02 00 00 00`,
    ],
  ])("write and read the worked example of spec section 4: %o", (value, bytes) => {
    expect(encodeTarZinfo(value)).toEqual(hex(bytes));
    expect(decodeTarZinfo(hex(bytes))).toEqual(value);
  });

  test("are inverses", () => {
    fc.assert(
      fc.property(fc.integer(), fc.maxSafeInteger(), fc.maxSafeInteger(), (version, spanSize, size) => {
        const value = { version, spanSize: Math.abs(spanSize) || 1, size: Math.abs(size) };
        expect(decodeTarZinfo(encodeTarZinfo(value))).toEqual(value);
      }),
    );
  });

  test.each([
    ["a span size of 0, by which the reference divides", encodeTarZinfo({ version: 2, spanSize: 0, size: 10 })],
    ["a span size below 0", encodeTarZinfo({ version: 2, spanSize: -1, size: 10 })],
    ["a size below 0", encodeTarZinfo({ version: 2, spanSize: 1, size: -1 })],
    ["a size of 2^53", encodeTarZinfo({ version: 2, spanSize: 1, size: 2 ** 53 })],
    ["nothing", new Uint8Array(0)],
    ["seven bytes", new Uint8Array(7)],
  ])("refuse %s", (_, bytes) => {
    expect(codeOf(() => decodeTarZinfo(bytes))).toBe("ERR_ZTOC_INVALID_TAR_ZINFO");
  });

  test("turn any bytes into a value or a coded error", () => {
    const sound = encodeTarZinfo({ version: 2, spanSize: 4_194_304, size: 10_240 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: 47 }), fc.nat({ max: 255 })), { maxLength: 5 }),
        fc.nat({ max: 48 }),
        (changes, cut) => {
          const bytes = sound.slice(0, cut);
          for (const [at, byte] of changes) if (at < cut) bytes[at] = byte;
          codeOf(() => decodeTarZinfo(bytes));
        },
      ),
      { numRuns: 5000 },
    );
  });
});

test.each([
  [0, 10, 0],
  [1, 10, 1],
  [9, 10, 1],
  [10, 10, 1],
  [11, 10, 2],
  [Number.MAX_SAFE_INTEGER, 2, 2 ** 52],
])("tarSpanCount() of %i bytes in spans of %i is %i", (size, spanSize, count) => {
  expect(tarSpanCount({ version: 2, size, spanSize })).toBe(count);
});
