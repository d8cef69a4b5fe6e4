/**
 * What is fuzzed. A target runs on bytes and throws what it likes: an error with a code is an answer, anything else is a
 * finding, and so is an `Unexpected`, where two answers should be one.
 *
 * The packages come as an argument: built ones from fuzz/run.mjs, sources from the test that replays cases.
 */
import { crc32, deflateRawSync, gunzipSync, gzipSync, inflateRawSync, constants } from "node:zlib";
import { GZIP, MEMBERS, RAW, readCase } from "./core/case.mjs";
import { indexTargets } from "./index-targets.mjs";
import { stateTargets } from "./state-targets.mjs";
import { storeTargets } from "./store-targets.mjs";

/** Two answers that should be one. */
export class Unexpected extends Error {}

const MAX_OUTPUT = 2 ** 22;

/**
 * Targets by name: `{ seeds, words, run(bytes) }`. `api` has the exports of inflate, ztoc and ztoc/build, `inflate`, and the
 * internals TarParser, parseTarHeader, parsePax and FlatbufferReader. `layers` are those of testdata/vectors.
 */
export async function createTargets(api, layers) {
  const gzips = layers
    .filter(({ name, bytes }) => name.endsWith(".gz") && bytes.length < 100_000)
    .map(({ bytes }) => bytes);
  const tars = layers
    .filter(({ name, bytes }) => name.endsWith(".tar") && bytes.length < 100_000)
    .map(({ bytes }) => bytes);
  for (const gzip of gzips) {
    const tar = attempt(() => gunzipSync(gzip, { maxOutputLength: MAX_OUTPUT }));
    if (tar !== undefined && tar.length < 20_000) tars.push(new Uint8Array(tar));
  }
  const text = Uint8Array.from({ length: 70_000 }, (_, i) => 97 + ((i * i) % 7) * (i % 3));
  const deflated = [0, 1, 6, 9].flatMap((level) =>
    [constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY].map(
      (strategy) => new Uint8Array(deflateRawSync(text.subarray(0, 300 + 7000 * level), { level, strategy })),
    ),
  );
  const long = [1, 6].map((level) => new Uint8Array(gzipSync(text, { level, memLevel: 1 })));
  const ztocs = [];
  for (const bytes of [...gzips.slice(0, 60), ...tars.slice(0, 30)]) {
    const compression = bytes[0] === 0x1f ? "gzip" : "uncompressed";
    const built = await build(api, bytes, compression, 40_000, bytes.length).catch(() => undefined);
    if (built !== undefined && built.bytes.length < 200_000) ztocs.push(built.bytes);
  }
  const zinfos = [];
  for (const bytes of ztocs) {
    const ztoc = attempt(() => api.decodeZtoc(bytes));
    if (ztoc?.compression.algorithm === "gzip") zinfos.push(ztoc.compression.zinfo.slice());
  }
  const tarZinfos = [0, 1, 10_240, 2 ** 40].map((size) =>
    api.encodeTarZinfo({ version: 2, spanSize: 4_194_304, size }),
  );
  const headers = tars
    .flatMap((tar) => [0, 512, 1024].map((at) => tar.slice(at, at + 512)))
    .filter(({ length }) => length === 512);
  const special = tars.filter((tar) => "LKxS".includes(String.fromCharCode(tar[156] ?? 0)));
  const records = [
    "6 a=b\n",
    "30 mtime=1350244992.023960108\n",
    "25 GNU.sparse.map=0,3,5,4\n",
    "24 GNU.sparse.offset=10\n26 GNU.sparse.numbytes=10\n",
    "11 path=a/\n",
  ];
  const tarWords = [
    "ustar\0" + "00",
    "ustar  \0",
    "tar\0",
    "L",
    "K",
    "x",
    "g",
    "S",
    "GNU.sparse.map",
    "GNU.sparse.major=1",
    "GNU.sparse.minor=0",
    "\x80\0\0\0\0\0\0\0\0\0\x02\0",
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    "\0".repeat(512),
  ];

  return {
    // Fuzzed by libFuzzer (core/README.md): what that keeps is only replayed.
    core: { seeds: [], words: [], run: (bytes) => core(api, bytes) },
    "raw-inflate": { seeds: deflated, words: [], run: (bytes) => rawInflate(api, bytes) },
    "gzip-header": {
      seeds: gzips,
      words: ["\x1f\x8b\x08", "\x1f\x8b\x08\x1f", "\0\0"],
      run: (bytes) => gzipHeader(api, bytes),
    },
    members: {
      seeds: [...gzips, ...long],
      words: ["\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0", "\x78\x9c\x03\0\0\0\0\x01", "\x01\0\0\xff\xff"],
      run: (bytes) => members(api, bytes),
    },
    ...(await stateTargets(api, { check, equal })),
    ...indexTargets(api, { check, equal }),
    ...storeTargets(api, { check }, tars),
    resume: { seeds: [...long, ...gzips], words: ["\0\0\0\xff\xff"], run: (bytes) => resume(api, bytes) },
    zinfo: { seeds: zinfos, words: [], run: (bytes) => zinfo(api, bytes) },
    "tar-zinfo": { seeds: tarZinfos, words: [], run: (bytes) => tarZinfo(api, bytes) },
    flatbuffers: { seeds: ztocs, words: [], run: (bytes) => flatbuffers(api, bytes) },
    ztoc: { seeds: ztocs, words: ["reg", "dir", "symlink", "hardlink", "sha256:"], run: (bytes) => ztoc(api, bytes) },
    fixpoint: { seeds: [...gzips, ...tars], words: tarWords, run: (bytes) => fixpoint(api, bytes) },
    "tar-header": { seeds: headers, words: tarWords, run: (bytes) => tarHeader(api, bytes) },
    pax: {
      seeds: records.map(bytesOf),
      words: [...records, "GNU.sparse.numbytes", "=", "\n", " ", "99999999999999999999"],
      run: (bytes) => pax(api, bytes),
    },
    "gnu-long-and-sparse": { seeds: special, words: tarWords, run: (bytes) => longAndSparse(api, bytes) },
  };
}

// ---- inflate -------------------------------------------------------------------------------------------------------

async function rawInflate({ inflate }, bytes) {
  const expected = attempt(() => inflateRawSync(bytes, { maxOutputLength: MAX_OUTPUT }));
  const decode = (end) => collect(inflate.decoder.decode({ byte: 0, bits: 0, window: [] }, bytes, { start: 0, end }));
  if (expected === undefined || expected.length === 0) return void (await decode(65_536));
  check(equal(await decode(expected.length), expected), "other output than zlib's");
}

function gzipHeader(api, bytes) {
  const expected = attempt(() => gunzipSync(bytes, { maxOutputLength: MAX_OUTPUT }));
  const { output, error } = scan(api, bytes, bytes.length, {});
  // Node takes whatever follows the last member for padding, and gives up at a limit.
  if (error?.code === "ERR_INFLATE_TRAILING_BYTES" || output.length >= MAX_OUTPUT)
    throw error ?? new Unexpected("no limit");
  if (error === undefined) check(expected !== undefined && equal(output, expected), "zlib does not agree");
  else
    check(
      expected === undefined || error.code === "ERR_INFLATE_TRUNCATED" || error.code === "ERR_INFLATE_HEADER",
      "zlib accepts it",
    );
  if (error !== undefined) throw error;
}

function members(api, bytes) {
  const whole = scan(api, bytes, bytes.length, { zlibMembers: true });
  const pieces = scan(api, bytes, 1 + (bytes.length % 11), { zlibMembers: true });
  check(whole.error?.code === pieces.error?.code, `cut in pieces: ${pieces.error?.code}, else ${whole.error?.code}`);
  // In pieces, a fault may be met before the output is handed over.
  if (whole.error === undefined) {
    check(equal(whole.output, pieces.output), "other output when cut in pieces");
    check(JSON.stringify(whole.places) === JSON.stringify(pieces.places), "other boundaries when cut in pieces");
  } else {
    throw whole.error;
  }
}

async function resume(api, bytes) {
  const { output, boundaries, error } = scan(api, bytes, bytes.length, { zlibMembers: true });
  for (const { compressed, uncompressed, bits, window } of boundaries) {
    const length = Math.min(output.length - uncompressed, 40_000);
    if (length <= 0) continue;
    const start = { byte: compressed - (bits === 0 ? 0 : 1), bits, window: [{ at: 0, bytes: window }] };
    const part = await collect(
      api.inflate.decoder.decode(start, bytes.subarray(start.byte), { start: 0, end: length }),
    );
    check(
      equal(part, output.subarray(uncompressed, uncompressed + length)),
      `other output from ${compressed}, ${bits}`,
    );
  }
  // A start that is none.
  const start = { byte: 1, bits: (bytes[0] ?? 0) & 7, window: [{ at: 100, bytes: bytes.slice(0, 20_000) }] };
  const stray = collect(api.inflate.decoder.decode(start, bytes.subarray(1), { start: 10, end: 50_000 }));
  await stray.catch((thrown) => {
    if (typeof thrown.code !== "string") throw thrown;
  });
  if (error !== undefined) throw error;
}

/** A case of the core's fuzzer, by the package: what that does in many ways is done in some here. */
async function core(api, bytes) {
  const given = readCase(bytes);
  if (given === undefined) throw coded("too short");
  const { kind, stream } = given;
  const ways =
    kind === RAW
      ? [() => rawInflate(api, stream), () => gzipHeader(api, asMember(stream)), () => resume(api, asMember(stream))]
      : kind === GZIP
        ? [() => gzipHeader(api, stream), () => resume(api, stream), () => members(api, stream)]
        : kind === MEMBERS
          ? [() => members(api, stream), () => resume(api, stream)]
          : [() => span(api, given)];
  let answer;
  for (const way of ways) {
    try {
      await way();
    } catch (error) {
      if (typeof error.code !== "string") throw error;
      answer = error;
    }
  }
  if (answer !== undefined) throw answer;
}

/** Raw DEFLATE as a gzip member, with the trailer that it ought to have. */
function asMember(stream) {
  const header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
  const result = attempt(() => inflateRawSync(stream, { info: true, maxOutputLength: MAX_OUTPUT }));
  const trailer = Buffer.alloc(8);
  if (result !== undefined) {
    trailer.writeUInt32LE(crc32(result.buffer));
    trailer.writeUInt32LE(result.buffer.length, 4);
  }
  const used = result === undefined ? stream : stream.subarray(0, result.engine.bytesWritten);
  return new Uint8Array(Buffer.concat([Buffer.from(header), used, trailer]));
}

/** DEFLATE behind a window and some bits of a byte. */
async function span({ inflate }, { stream, window, bits, value }) {
  const pieces = window.length === 0 ? [] : [{ at: 32768 - window.length, bytes: window }];
  const compressed = bits === 0 ? stream : new Uint8Array([value, ...stream]);
  const decode = (end) =>
    collect(inflate.decoder.decode({ byte: 0, bits, window: pieces }, compressed, { start: 0, end }));
  // zlib has no bits in front here. Empty fixed blocks, of ten bits each, take as many as end at a byte: where that is an even number.
  if (bits % 2 !== 0) return void (await decode(65_536));
  let prefix = 0n;
  let length = 0;
  for (; (length + bits) % 8 !== 0; length += 10) prefix |= 2n << BigInt(length);
  prefix |= BigInt(bits === 0 ? 0 : value >> (8 - bits)) << BigInt(length);
  const whole = [...Array((length + bits) / 8).keys()].map((at) => Number((prefix >> BigInt(8 * at)) & 255n));
  const options = { maxOutputLength: MAX_OUTPUT, ...(window.length > 0 ? { dictionary: window } : {}) };
  let expected;
  try {
    expected = inflateRawSync(Buffer.concat([Buffer.from(whole), stream]), options);
  } catch (error) {
    if (error.code === "ERR_BUFFER_TOO_LARGE") return void (await decode(65_536));
  }
  if (expected === undefined) {
    await decode(MAX_OUTPUT);
    throw new Unexpected("zlib does not accept it");
  }
  if (expected.length > 0) check(equal(await decode(expected.length), expected), "other output than zlib's");
}

/** All output, and up to eight boundaries with their windows. */
function scan({ inflate }, bytes, chunkSize, options) {
  const output = [];
  const boundaries = [];
  const places = [];
  let length = 0;
  const session = inflate.scanGzip(
    {
      output(piece) {
        length += piece.length;
        if (length <= MAX_OUTPUT) output.push(piece.slice());
        else session.close();
      },
      block(boundary, window) {
        if (places.length < 100) places.push([boundary.compressed, boundary.uncompressed, boundary.bits]);
        if (boundaries.length < 8) boundaries.push({ ...boundary, window: window() });
      },
    },
    options,
  );
  let error;
  try {
    for (let at = 0; at < bytes.length && length <= MAX_OUTPUT; at += chunkSize)
      session.push(bytes.subarray(at, at + chunkSize));
    if (length <= MAX_OUTPUT) session.finish();
  } catch (thrown) {
    error = thrown;
    if (typeof thrown.code !== "string") throw thrown;
  } finally {
    session.close();
  }
  return { output: Buffer.concat(output), boundaries, places, error };
}

// ---- zTOC ----------------------------------------------------------------------------------------------------------

function zinfo({ decodeZinfo, encodeZinfo }, bytes) {
  check(equal(encodeZinfo(decodeZinfo(bytes)), bytes), "does not round-trip");
}

function tarZinfo({ decodeTarZinfo, encodeTarZinfo }, bytes) {
  const decoded = decodeTarZinfo(bytes);
  check(same(decodeTarZinfo(encodeTarZinfo(decoded)), decoded), "does not round-trip");
}

/** Walks all of it. */
function flatbuffers({ decodeZtoc }, bytes) {
  const { toc } = decodeZtoc(bytes);
  for (const entry of toc) {
    check(typeof entry.name === "string" && entry.uncompressedOffset >= 0, "an entry that is none");
    for (const [key, value] of entry.paxRecords)
      check(typeof key === "string" && typeof value === "string", "a record");
  }
}

/** Plans, and encodes again. */
function ztoc(api, bytes) {
  const decoded = api.decodeZtoc(bytes);
  for (const { code, severity } of api.inspectZtoc(decoded))
    check(code.startsWith("ODD_ZTOC_") && severity, "a finding");
  const encoded = api.encodeZtoc(decoded);
  check(equal(api.encodeZtoc(api.decodeZtoc(encoded)), encoded), "is no fixpoint");
  check(api.spansOf(decoded).length === decoded.compression.spanDigests.length, "spans");
  const digest = api.digestOf(bytes);
  const layer = { mediaType: "application/x", digest, size: decoded.compressedArchiveSize };
  const index = api.createZtocIndex(decoded, digest, layer);
  for (let i = 0; i < 8; i++) {
    const start = Math.floor((decoded.uncompressedArchiveSize * i) / 8);
    const end = Math.min(decoded.uncompressedArchiveSize, start + 100_000);
    const pieces = index.plan({ start, end });
    for (const piece of pieces.slice(0, 8)) {
      const { bits, window } = index.start(piece);
      check(bits >= 0 && bits < 8 && window.every(({ at, bytes: part }) => at + part.length <= 32768), "a start");
      check(index.checks(piece).length === 1, "checks");
    }
  }
}

async function fixpoint(api, bytes) {
  const compression = bytes[0] === 0x1f ? "gzip" : "uncompressed";
  if (compression === "uncompressed") fixChecksums(bytes);
  const first = await build(api, bytes, compression, 3000, bytes.length);
  const second = await build(api, bytes, compression, 3000, 1 + (bytes.length % 613));
  check(first.digest === second.digest, "another zTOC when cut in pieces");
  const refused = first.warnings.some(({ code }) => code === "WARN_ZTOC_NUMBER_OUT_OF_RANGE");
  if (!refused) check(equal(api.encodeZtoc(api.decodeZtoc(first.bytes)), first.bytes), "does not round-trip");
}

function build({ buildZtoc, inflate }, bytes, compression, spanSize, chunkSize) {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunkSize) yield bytes.subarray(at, at + chunkSize);
  }
  return buildZtoc(chunks(), { compression, spanSize, inflate });
}

// ---- tar -----------------------------------------------------------------------------------------------------------

function tarHeader({ parseTarHeader }, bytes) {
  const block = new Uint8Array(512);
  block.set(bytes.subarray(0, 512));
  setChecksum(block);
  const header = parseTarHeader(block);
  if (header === undefined) throw coded("refused");
  check(header.name.length <= 256 && header.typeflag.length === 1 && header.linkname.length <= 100, "a field too long");
}

function pax({ parsePax }, bytes) {
  const records = parsePax(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  if (records === undefined) throw coded("refused");
  for (const [key, value] of records) check(key !== "" && key.length + value.length <= bytes.length, "a record");
}

function longAndSparse({ TarParser }, bytes) {
  fixChecksums(bytes);
  const list = (chunkSize) => {
    const entries = [];
    const parser = new TarParser((entry) => entries.push(entry));
    for (let at = 0; at < bytes.length; at += chunkSize) parser.push(bytes.subarray(at, at + chunkSize));
    parser.finish();
    return { entries: entries.map((entry) => ({ ...entry, paxRecords: [...entry.paxRecords] })), error: parser.error };
  };
  const whole = list(Math.max(1, bytes.length));
  check(same(whole, list(1 + (bytes.length % 700))), "other entries when cut in pieces");
  for (const { payloadOffset, headerOffset } of whole.entries)
    check(headerOffset + 512 <= payloadOffset && payloadOffset <= bytes.length, "an offset");
  if (whole.error !== undefined) throw whole.error;
}

/** So that changes get past the checksum. Blocks that are no headers are left alone. */
function fixChecksums(bytes) {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const block = bytes.subarray(at, at + 512);
    if (block[148] >= 0x30 && block[148] <= 0x37 && block[149] >= 0x30 && block[149] <= 0x37) setChecksum(block);
  }
}

function setChecksum(block) {
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.set(bytesOf(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
}

// ---- what they share -----------------------------------------------------------------------------------------------

async function collect(chunks) {
  const pieces = [];
  for await (const chunk of chunks) pieces.push(chunk);
  return Buffer.concat(pieces);
}

function attempt(make) {
  try {
    return make();
  } catch {
    return undefined;
  }
}

function bytesOf(text) {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function coded(message) {
  return Object.assign(new Error(message), { code: "REFUSED" });
}

function equal(a, b) {
  return Buffer.compare(a, b) === 0;
}

function same(a, b) {
  const text = (value) =>
    JSON.stringify(value, (_, part) =>
      typeof part === "bigint" ? `${part}n` : part instanceof Error ? part.message : part,
    );
  return text(a) === text(b);
}

function check(holds, what) {
  if (!holds) throw new Unexpected(what);
}
