import { crc32, deflateRawSync, deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { BlockBoundary, GzipScan, GzipScanOptions, GzipSink, MemberStart } from "./gzip-scan.ts";
import { compileOwnModule, createInflate, type Inflate } from "./load-inflate.ts";
import { compressedMember, concat, gzipMember } from "./testing/gzip-member.ts";
import { compressibleBytes, createRandom } from "./testing/random.ts";
import { randomDeflate } from "./testing/random-deflate.ts";

const inflate = await createInflate(await compileOwnModule());
/** Buffers so small that their ends are met in every phase of decoding. */
const cramped = await createInflate(await compileOwnModule(), { input: 512, output: 300 });

const text = new TextEncoder().encode("what is saved goes on elsewhere, to the same end; ".repeat(30));
const members = { zlibMembers: true };

/** What a sink is told. */
interface Told {
  readonly output: Uint8Array[];
  readonly boundaries: (BlockBoundary & { readonly window: number })[];
  readonly members: MemberStart[];
}

/** So that a difference is not printed byte by byte. */
function summary(output: readonly Uint8Array[]): string {
  const bytes = concat(...output);
  return `${bytes.length} bytes, CRC ${crc32(bytes)}`;
}

function listen(told: Told): GzipSink {
  return {
    output: (bytes) => void told.output.push(bytes.slice()),
    block: (boundary, window) => void told.boundaries.push({ ...boundary, window: crc32(window()) }),
    member: (member) => void told.members.push(member),
  };
}

/** Of another stream: tables, window and checks. */
const soiling = gzipMember(randomDeflate(createRandom(77), 12).deflated, text).subarray(0, 1500);

/** Uses an instance of the pool for something else, and leaves it in the middle. */
function soil(library: Inflate): void {
  const scan = library.scanGzip({});
  scan.push(soiling);
  scan.close();
}

/** Scans pieces; in front of each that `saves` says, the scan is saved and goes on in another instance. */
function scanWith(library: Inflate, pieces: readonly Uint8Array[], saves: (piece: number) => boolean): unknown {
  const told: Told = { output: [], boundaries: [], members: [] };
  let scan: GzipScan = library.scanGzip(listen(told), members);
  let error: unknown;
  try {
    for (const [i, piece] of pieces.entries()) {
      if (saves(i)) {
        const from = scan.save();
        // The old one is still open: its instance is not the next one's.
        const next = library.scanGzip(listen(told), { ...members, from });
        expect([next.compressed, next.uncompressed]).toEqual([scan.compressed, scan.uncompressed]);
        scan.close();
        soil(library);
        scan = next;
      }
      scan.push(piece);
    }
    scan.finish();
  } catch (thrown) {
    error = thrown;
    if (typeof (thrown as { code?: unknown }).code !== "string") throw thrown;
  } finally {
    scan.close();
  }
  // How much comes out before an error depends on how the input is cut.
  return error === undefined ? { ...told, output: summary(told.output) } : { boundaries: told.boundaries, error };
}

function inPieces(bytes: Uint8Array, size: number): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  // A scan can be saved at its end too.
  return [...pieces, new Uint8Array(0)];
}

function random(seed: number, blocks: number): Uint8Array {
  const { deflated, output } = randomDeflate(createRandom(seed), blocks);
  return gzipMember(deflated, output, { headerCrc: true });
}

const everything = { extra: Uint8Array.of(1, 0, 3, 0), name: "name", comment: "a comment", headerCrc: true };

describe("GzipScan.save() at every byte, and going on in another instance, tells the same of", () => {
  test.for<[string, Uint8Array]>([
    ["a member", compressedMember(text)],
    ["every field of a header", compressedMember(text, everything)],
    ["fixed codes", compressedMember(text.subarray(0, 60), {}, 9)],
    ["stored blocks", compressedMember(text.subarray(0, 300), everything, 0)],
    [
      "members, empty ones among them",
      concat(...[0, 9, 0, 0, 40, 0].map((n) => compressedMember(text.subarray(0, n)))),
    ],
    ["zlib members", concat(deflateSync(text), compressedMember(text, everything), deflateSync(text.subarray(0, 9)))],
    ["odd codes", random(11, 3)],
    ["odd codes, and a wrong CRC", random(12, 4).with(-7, 1)],
    [
      "a distance too far, in a second member",
      concat(compressedMember(text), gzipMember(deflateRawSync(text, { dictionary: text }), text)),
    ],
    ["bytes behind the end", concat(compressedMember(text), Uint8Array.of(0, 0, 0))],
    ["bytes behind a stored end", concat(compressedMember(text.subarray(0, 400), {}, 0), Uint8Array.of(0, 0, 0))],
    ["a cut end", compressedMember(text).subarray(0, 60)],
  ])("%s", ([, bytes]) => {
    for (const library of [inflate, cramped]) {
      const whole = scanWith(library, [bytes], () => false);
      expect(scanWith(library, inPieces(bytes, 1), () => true)).toEqual(whole);
      for (let cut = 0; cut <= bytes.length; cut += library === inflate ? 1 : 13) {
        const halves = [bytes.subarray(0, cut), bytes.subarray(cut)];
        expect(
          scanWith(library, halves, (piece) => piece === 1),
          `cut at ${cut}`,
        ).toEqual(whole);
      }
    }
  });
});

test("GzipScan.save() again and again in larger streams, whose window is full", () => {
  for (let seed = 0; seed < 6; seed++) {
    const choices = createRandom(seed);
    const parts = [1, 2, 3].map(() => {
      const body = compressibleBytes(choices, 20_000 + choices.below(90_000));
      return choices.chance(20) ? deflateSync(body) : compressedMember(body, {}, choices.pick([0, 1, 6, 9]));
    });
    const bytes = concat(...parts, random(seed, 20));
    const whole = scanWith(inflate, [bytes], () => false);
    expect(scanWith(inflate, inPieces(bytes, 1 + choices.below(9000)), () => choices.chance(70))).toEqual(whole);
  }
});

test("GzipScan.save() takes less than 33 KiB and a half, and no window that is not there", () => {
  const sizeAfter = (bytes: Uint8Array): number => {
    const scan = inflate.scanGzip({});
    scan.push(bytes);
    const { length } = scan.save();
    scan.close();
    return length;
  };
  expect(sizeAfter(new Uint8Array(0))).toBe(432);
  const large = compressedMember(compressibleBytes(createRandom(1), 500_000));
  for (const part of [0.2, 0.5, 0.9])
    expect(sizeAfter(large.subarray(0, part * large.length))).toBeLessThan(33.5 * 1024);
});

describe("a saved scan", () => {
  const bytes = random(5, 8);
  const saved = saveAt(Math.floor(bytes.length / 2));

  function saveAt(at: number): Uint8Array {
    const scan = inflate.scanGzip({}, members);
    scan.push(bytes.subarray(0, at));
    const state = scan.save();
    scan.close();
    return state;
  }
  const refused = (from: Uint8Array, options: GzipScanOptions = members): unknown => {
    try {
      inflate.scanGzip({}, { ...options, from }).close();
      return "accepted";
    } catch (error) {
      return error;
    }
  };
  /** With a right checksum. */
  const sealed = (state: Uint8Array): Uint8Array => {
    const body = state.subarray(0, -4);
    const copy = state.slice();
    new DataView(copy.buffer).setUint32(body.length, crc32(body), true);
    return copy;
  };

  test("is refused with any bit flipped, and at any length but its own", () => {
    for (let at = 0; at < saved.length; at++)
      expect(refused(saved.with(at, saved[at]! ^ (1 << (at % 8)))), `byte ${at}`).toMatchObject({
        code: "ERR_INFLATE_STATE",
      });
    for (let length = 0; length < saved.length; length += 7)
      expect(refused(saved.subarray(0, length))).toMatchObject({ code: "ERR_INFLATE_STATE" });
    expect(refused(concat(saved, Uint8Array.of(0)))).toMatchObject({ code: "ERR_INFLATE_STATE" });
  });

  test.for<[string, Uint8Array, GzipScanOptions, string]>([
    ["something else", new Uint8Array(500), members, "it is none"],
    ["another version", sealed(saved.with(8, 9)), members, "it is of version 9, not 1"],
    ["damage", saved.with(60, 255), members, "its CRC is another"],
    ["other options", saved, {}, "zlib members were accepted"],
    ["a window that is shorter than its output", sealed(saved.with(24, 1)), members, "its parts do not fit together"],
    ["a phase that there is not", sealed(saved.with(44, 99)), members, "it contradicts itself"],
  ])("is refused for %s", ([, state, options, reason]) => {
    expect(refused(state, options)).toMatchObject({
      code: "ERR_INFLATE_STATE",
      message: `Cannot go on with a saved scan: ${reason}`,
    });
  });

  test("that somebody has made up is refused, or decodes something: it never traps", () => {
    const choices = createRandom(9);
    const answers = new Map<string, number>();
    const states = [3, 11, 40, bytes.length >> 1, bytes.length - 3].map(saveAt);
    for (let i = 0; i < 1500; i++) {
      const state = choices.pick(states).slice();
      for (let changes = choices.below(4); changes >= 0; changes--) {
        // The fields and the code lengths above all.
        state[choices.below(choices.chance(80) ? 480 : state.length - 4)] = choices.pick([
          0,
          1,
          7,
          8,
          15,
          16,
          255,
          choices.below(256),
        ]);
      }
      let answer = "decoded";
      try {
        const scan = inflate.scanGzip(
          { block: () => undefined, member: () => undefined },
          { ...members, from: sealed(state) },
        );
        try {
          scan.push(choices.bytes(600));
          scan.save();
          scan.finish();
        } finally {
          scan.close();
        }
      } catch (error) {
        answer = String((error as { code?: unknown }).code);
      }
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
    expect(
      [...answers.keys()].filter(
        (answer) => !/^(?:decoded|ERR_INFLATE_(?:STATE|HEADER|DATA|CHECKSUM|TRUNCATED|TRAILING_BYTES))$/.test(answer),
      ),
    ).toEqual([]);
    expect(answers.get("ERR_INFLATE_STATE")).toBeGreaterThan(400);
    expect(answers.get("ERR_INFLATE_DATA")).toBeGreaterThan(80);
  });
});

describe("GzipScan.save() has nothing to save", () => {
  test("of a scan that has ended, or within its sink", () => {
    const errors: unknown[] = [];
    const attempt = (scan: GzipScan): void => {
      try {
        scan.save();
      } catch (error) {
        errors.push(error);
      }
    };
    const scan: GzipScan = inflate.scanGzip({ member: () => attempt(scan) });
    scan.push(compressedMember(text));
    scan.finish();
    attempt(scan);
    const failed = inflate.scanGzip({});
    expect(() => failed.push(new Uint8Array(20))).toThrow();
    attempt(failed);
    expect(errors).toEqual([expect.any(TypeError), expect.any(TypeError), expect.any(TypeError)]);
  });

  test("where crossings are counted", () => {
    const scan = inflate.scanGzip({ crossing: () => undefined });
    expect(() => scan.save()).toThrow(TypeError);
    scan.close();
    const from = inflate.scanGzip({}).save();
    expect(() => inflate.scanGzip({ crossing: () => undefined }, { from })).toThrow(TypeError);
  });
});
