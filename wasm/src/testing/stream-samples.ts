import { constants, deflateRawSync, deflateSync, type ZlibOptions } from "node:zlib";
import { assembleDeflate } from "./assembled-deflate.ts";
import { flushedDeflate } from "./flushed-deflate.ts";
import { concat, gzipHeader, gzipMember, type MemberFields } from "./gzip-member.ts";
import { compressibleBytes, type Random } from "./random.ts";
import { randomDeflate } from "./random-deflate.ts";

/** The parts of a member. Of raw DEFLATE, header and trailer are empty. */
export interface SampleMember {
  readonly header: Uint8Array;
  readonly deflated: Uint8Array;
  readonly trailer: Uint8Array;
}

/** A sound stream. */
export interface StreamSample {
  /** What made it. */
  readonly shape: string;
  /** "raw": DEFLATE alone. "gzip": members of gzip. "members": of zlib, too. */
  readonly format: "raw" | "gzip" | "members";
  readonly members: readonly SampleMember[];
  readonly output: Uint8Array;
}

/** DEFLATE data and what it means. */
interface Deflated {
  readonly deflated: Uint8Array;
  readonly output: Uint8Array;
}

type DeflateMaker = (random: Random, data: Uint8Array) => Deflated | Promise<Deflated>;

const FLUSHES = [constants.Z_SYNC_FLUSH, constants.Z_FULL_FLUSH, constants.Z_PARTIAL_FLUSH, constants.Z_BLOCK];

/** By whom DEFLATE data is made: every block type, strategy, level, memory level, window and flush of zlib; and not by zlib. */
const DEFLATE_MAKERS: Readonly<Record<string, DeflateMaker>> = {
  zlib: (random, output) => ({ deflated: new Uint8Array(deflateRawSync(output, zlibOptions(random))), output }),
  flushed: async (random, output) => {
    const segments = pieces(random, output);
    const flushes = segments.map(() => random.pick(FLUSHES));
    return { deflated: await flushedDeflate(segments, flushes, zlibOptions(random)), output };
  },
  // Pieces of their own that begin with the window of the one before, as pigz's threads make them.
  pigz: (random, output) => {
    const options = zlibOptions(random);
    const parts: Uint8Array[] = [];
    let at = 0;
    for (const piece of pieces(random, output)) {
      const dictionary = output.subarray(Math.max(0, at - 2 ** (options.windowBits ?? 15)), at);
      const finishFlush = constants.Z_SYNC_FLUSH;
      parts.push(deflateRawSync(piece, { ...options, finishFlush, ...(dictionary.length > 0 ? { dictionary } : {}) }));
      at += piece.length;
    }
    return { deflated: concat(...parts, Uint8Array.of(3, 0)), output };
  },
  // An empty stored block at the end, and no block of two types in a row.
  go: (random, output) => ({
    deflated: assembleDeflate(random, output, { types: [2, 2, 1, 0], blockSymbols: 2000, ending: "empty stored" }),
    output,
  }),
  zopfli: (random, output) => ({
    deflated: assembleDeflate(random, output, {
      types: random.pick([[0, 1, 2], [2], [1, 2], [0, 2], [0], [1]] as const),
      blockSymbols: random.pick([4, 40, 400]),
      ending: random.pick(["block", "block", "empty fixed"]),
    }),
    output,
  }),
  "any blocks": (random) => randomDeflate(random, 1 + random.below(4)),
};

/** How members lie behind each other. */
const LAYOUTS: Readonly<Record<string, (random: Random, size: number) => Promise<StreamSample["members"]>>> = {
  "one member": async (random, size) => [await gzipPart(random, data(random, size), fields(random))],
  bgzip: async (random, size) => {
    const extra = Uint8Array.of(66, 67, 2, 0, random.below(256), random.below(256));
    const parts = pieces(random, data(random, size));
    return [...(await inTurn(parts, (bytes) => gzipPart(random, bytes, { extra }))), emptyPart({ extra })];
  },
  concatenated: (random, size) =>
    inTurn(pieces(random, data(random, size)), (bytes) => gzipPart(random, bytes, fields(random))),
  "empty members": async (random, size) => {
    const parts: SampleMember[] = [];
    for (const bytes of pieces(random, data(random, size))) {
      while (random.chance(50)) parts.push(emptyPart(fields(random)));
      parts.push(await gzipPart(random, bytes, fields(random)));
    }
    while (random.chance(60)) parts.push(emptyPart(fields(random)));
    return parts;
  },
  "zlib member": (random, size) => Promise.resolve([zlibPart(random, data(random, size))]),
  "zlib members": async (random, size) => {
    const parts: SampleMember[] = [];
    for (const bytes of pieces(random, data(random, size)))
      parts.push(random.chance(50) ? await gzipPart(random, bytes, fields(random)) : zlibPart(random, bytes));
    if (random.chance(20)) parts.push(zlibPart(random, new Uint8Array(0)));
    return parts;
  },
};

/**
 * Sound streams of every shape, `count` of each: raw DEFLATE by every maker, and every layout of members.
 *
 * @param size Of the output, about, in bytes; a few have more.
 */
export async function streamSamples(random: Random, count: number, size: number): Promise<readonly StreamSample[]> {
  const samples: StreamSample[] = [];
  for (let i = 0; i < count; i++) {
    for (const [shape, make] of Object.entries(DEFLATE_MAKERS)) {
      const { deflated, output } = await make(random, data(random, size));
      samples.push({ shape, format: "raw", members: [{ header: NO_BYTES, deflated, trailer: NO_BYTES }], output });
    }
    for (const [shape, make] of Object.entries(LAYOUTS)) {
      const members = await make(random, size);
      const output = concat(...members.map((member) => outputOf.get(member) as Uint8Array));
      samples.push({ shape, format: shape.startsWith("zlib") ? "members" : "gzip", members, output });
    }
  }
  return samples;
}

/** All of a sample's bytes. */
export function sampleBytes({ members }: Pick<StreamSample, "members">): Uint8Array {
  return concat(...members.flatMap(({ header, deflated, trailer }) => [header, deflated, trailer]));
}

const NO_BYTES = new Uint8Array(0);
const outputOf = new WeakMap<SampleMember, Uint8Array>();

async function gzipPart(random: Random, bytes: Uint8Array, own: MemberFields): Promise<SampleMember> {
  const make = DEFLATE_MAKERS[random.pick(Object.keys(DEFLATE_MAKERS))] as DeflateMaker;
  const { deflated, output } = await make(random, bytes);
  const header = gzipHeader(own);
  const part = { header, deflated, trailer: gzipMember(NO_BYTES, output).subarray(-8) };
  outputOf.set(part, output);
  return part;
}

function emptyPart(own: MemberFields): SampleMember {
  const part = { header: gzipHeader(own), deflated: Uint8Array.of(3, 0), trailer: new Uint8Array(8) };
  outputOf.set(part, NO_BYTES);
  return part;
}

function zlibPart(random: Random, output: Uint8Array): SampleMember {
  const bytes = new Uint8Array(deflateSync(output, zlibOptions(random)));
  const part = { header: bytes.subarray(0, 2), deflated: bytes.subarray(2, -4), trailer: bytes.subarray(-4) };
  outputOf.set(part, output);
  return part;
}

function zlibOptions(random: Random): ZlibOptions {
  return {
    level: random.below(10),
    strategy: random.below(5),
    memLevel: 1 + random.below(9),
    windowBits: 9 + random.below(7),
  };
}

function fields(random: Random): MemberFields {
  if (random.chance(30)) return {};
  return {
    ...(random.chance(40) ? { extra: random.bytes(random.pick([0, 1, 6, 40])) } : {}),
    ...(random.chance(40) ? { name: "name.tar".slice(random.below(9)) } : {}),
    ...(random.chance(30) ? { comment: "c".repeat(random.below(30)) } : {}),
    headerCrc: random.chance(40),
  };
}

function data(random: Random, size: number): Uint8Array {
  const kind = random.below(20);
  if (kind === 0) return random.bytes(random.below(size));
  if (kind === 1) return new Uint8Array(random.below(20 * size)).fill(random.below(256));
  if (kind === 2) return random.bytes(random.below(3));
  // What repeats from beyond 16 KiB: the longest distances.
  if (kind === 3) {
    const start = random.bytes(40);
    return concat(start, new Uint8Array(16_000 + random.below(16_700)), start, random.bytes(10), start);
  }
  return compressibleBytes(random, random.below(2 * size));
}

/** At least one. */
function pieces(random: Random, bytes: Uint8Array): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = 0;
  do {
    const length = random.chance(10) ? 0 : 1 + random.below(Math.max(1, bytes.length >> 1));
    parts.push(bytes.subarray(at, at + length));
    at += length;
  } while (at < bytes.length);
  return parts;
}

/** One after the other: what is random must not depend on who is done first. */
async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}
