/**
 * Saved scans and saved builds. Magic, version, options and digest keep damage out, so they are made right here: what is fuzzed
 * is what comes behind them. An input is one byte, which says which layer it is of, and then the state without those.
 */
import { createHash } from "node:crypto";
import { crc32, gzipSync } from "node:zlib";
import { concat, GNU, latin1, paxHeader, tarEntry, tarHeader } from "../differential/tar-writer.mjs";

const SCAN_MAGIC = [0x89, 0x47, 0x5a, 0x53, 0x43, 0x41, 0x4e, 0x0a];
const BUILD_MAGIC = [0x89, 0x5a, 0x54, 0x4f, 0x43, 0x53, 0x54, 0x0a];
const SPAN_SIZE = 1000;
/** Of a saved build: what comes before the body, and behind it. */
const HEADER_SIZE = 64;
const DIGEST_SIZE = 32;
/** Of a saved scan: magic, version and options; all that comes before its parts; what the module saves. */
const SCAN_FIXED = 16;
const SCAN_HEADER = 44;
const SCAN_FIELDS = 384;

const text = latin1(Array.from({ length: 150 }, (_, i) => `line ${i ** 2 % 97}\n`).join(""));
const sparse = latin1(`60\n${Array.from({ length: 60 }, (_, i) => `${i * 90}\n10\n`).join("")}`.padEnd(1024, "\0"));
const tars = [
  concat(
    paxHeader([
      ["SCHILY.xattr.user.a", "b"],
      ["mtime", "1.5"],
    ]),
    tarEntry({ name: "a" }, text),
    tarEntry({ name: "L", typeflag: "L", magic: GNU }, "n".repeat(700)),
    tarEntry({ name: "b", typeflag: "2", size: 3 }),
    new Uint8Array(1024),
  ),
  concat(
    paxHeader([
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.realsize", "99999"],
    ]),
    tarEntry({ name: "s" }, sparse),
    tarHeader({
      typeflag: "S",
      magic: GNU,
      raw: { 386: "00000000000\0" + "00000000512\0", 482: "\x01", 483: "00000010000\0" },
    }),
    latin1(`00000001000\0${"00000000512\0"}`.padEnd(512, "\0")),
    new Uint8Array(1024),
  ),
];

/** The targets `scan-state` and `state`. `tools`: `check` and `equal` of targets.mjs. */
export async function stateTargets(api, tools) {
  const [first, second] = tars;
  const gzips = [
    gzipSync(first, { level: 6 }),
    concat(gzipSync(first.subarray(0, 900), { level: 0 }), gzipSync(text), gzipSync(second)),
  ].map((bytes) => new Uint8Array(bytes));
  const layers = [...gzips, ...tars].map((bytes, i) => ({
    bytes,
    compression: i < gzips.length ? "gzip" : "uncompressed",
  }));
  const scans = [];
  const builds = [];
  /** What a saved build begins with: its layer and options. */
  const identities = [];
  for (const [i, { bytes, compression }] of layers.entries()) {
    for (let cut = 0; cut <= 12; cut++) {
      const at = Math.floor((bytes.length * cut) / 12);
      const build = await api.ResumableBuild.start({ compression, spanSize: SPAN_SIZE, inflate: api.inflate });
      build.push(bytes.subarray(0, at));
      const saved = build.save();
      identities[i] ??= saved.slice(HEADER_SIZE, HEADER_SIZE + identitySize(saved));
      builds.push(concat(Uint8Array.of(i), saved.subarray(HEADER_SIZE + identities[i].length, -DIGEST_SIZE)));
      build.close();
      if (compression !== "gzip") continue;
      const scan = api.inflate.scanGzip({}, { zlibMembers: true });
      scan.push(bytes.subarray(0, at));
      scans.push(concat(Uint8Array.of(i), scan.save().subarray(SCAN_FIXED, -4)));
      scan.close();
    }
  }
  return {
    "scan-state": { seeds: scans, words: [], run: (bytes) => scanState(api, gzips, tools, bytes) },
    state: {
      seeds: builds,
      words: ["ERR_ZTOC_TAR_HEADER", "GNU.sparse.major"],
      run: (bytes) => buildState(api, layers, identities, tools, bytes),
    },
  };
}

function scanState({ inflate }, gzips, { check, equal }, bytes) {
  const from = sealScan(bytes.slice(1));
  const open = (state) => {
    const told = { output: [], places: [] };
    const sink = {
      output: (part) => void told.output.push(part.slice()),
      block: ({ compressed, uncompressed, bits }, window) => {
        check(bits < 8 && compressed >= 0 && window().length === 32_768, "a boundary");
        if (told.places.length < 100) told.places.push([compressed, uncompressed, bits]);
      },
      member: ({ compressed, headerEnd }) => check(compressed <= headerEnd, "a member"),
    };
    return { told, scan: inflate.scanGzip(sink, { zlibMembers: true, from: state }) };
  };
  const one = open(from);
  const saved = one.scan.save();
  const other = open(saved);
  check(equal(other.scan.save(), saved), "another state when saved again");
  const gzip = gzips[(bytes[0] ?? 0) % gzips.length];
  const rest = gzip.subarray(Math.min(gzip.length, one.scan.position));
  const errors = [
    [one, rest.length || 1],
    [other, 7],
  ].map(([{ scan }, size]) => attempt(scan, () => pushAll(scan, rest, size)));
  check(errors[0]?.code === errors[1]?.code, `${errors[0]?.code}, in pieces ${errors[1]?.code}`);
  if (errors[0] !== undefined) throw errors[0];
  check(equal(concat(...one.told.output), concat(...other.told.output)), "other output");
  check(String(one.told.places) === String(other.told.places), "other boundaries");
}

async function buildState({ ResumableBuild, inflate }, layers, identities, { check, equal }, bytes) {
  const index = (bytes[0] ?? 0) % layers.length;
  const layer = layers[index];
  const options = { compression: layer.compression, spanSize: SPAN_SIZE, inflate };
  const one = await ResumableBuild.resume(sealBuild(identities[index], bytes.slice(1)), options);
  const saved = one.save();
  const other = await ResumableBuild.resume(saved, options);
  check(equal(other.save(), saved), "another state when saved again");
  const rest = layer.bytes.subarray(Math.min(layer.bytes.length, one.position));
  const results = [
    [one, rest.length || 1],
    [other, 511],
  ].map(([build, size]) => {
    let built;
    const error = attempt(build, () => (built = pushAll(build, rest, size)));
    return { error, built };
  });
  const [whole, pieces] = results;
  check(whole.error?.code === pieces.error?.code, `${whole.error?.code}, in pieces ${pieces.error?.code}`);
  if (whole.error !== undefined) throw whole.error;
  check(whole.built.digest === pieces.built.digest, "another zTOC");
  check(JSON.stringify(whole.built.warnings) === JSON.stringify(pieces.built.warnings), "other warnings");
  // Somebody else's state may give a zTOC that cannot be read: with an error that says so.
  void whole.built.ztoc;
}

function pushAll(target, bytes, size) {
  for (let at = 0; at < bytes.length; at += size) target.push(bytes.subarray(at, at + size));
  return target.finish();
}

function attempt(target, work) {
  try {
    work();
    return undefined;
  } catch (error) {
    if (typeof error.code !== "string") throw error;
    return error;
  } finally {
    target.close();
  }
}

/** A saved scan: with magic, version and options, lengths that fit its parts, and a right CRC. */
function sealScan(rest) {
  const state = concat(Uint8Array.from(SCAN_MAGIC), Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0), rest, new Uint8Array(4));
  const end = state.length - 4;
  const view = new DataView(state.buffer);
  if (end >= SCAN_HEADER + SCAN_FIELDS) {
    const unread = Math.min(view.getUint32(36, true), end - SCAN_HEADER - SCAN_FIELDS);
    const window = end - SCAN_HEADER - SCAN_FIELDS - unread;
    view.setUint32(32, SCAN_FIELDS, true);
    view.setUint32(36, unread, true);
    view.setUint32(40, window, true);
    if (window < 32_768) view.setFloat64(24, window, true);
  }
  view.setUint32(end, crc32(state.subarray(0, end)), true);
  return state;
}

/** A saved build of one piece: with header and digest, and the scan in it, which comes last, made right too. */
function sealBuild(identity, rest) {
  const scanAt = Buffer.from(rest.buffer, rest.byteOffset, rest.length).lastIndexOf(Buffer.from(SCAN_MAGIC));
  let body = rest;
  if (scanAt >= 8) {
    const scan = sealScan(rest.subarray(scanAt + SCAN_FIXED, -4));
    body = concat(rest.subarray(0, scanAt), scan);
    new DataView(body.buffer).setFloat64(scanAt - 8, scan.length, true);
  }
  const piece = concat(new Uint8Array(HEADER_SIZE), identity, body, new Uint8Array(DIGEST_SIZE));
  const end = piece.length - DIGEST_SIZE;
  piece.set(BUILD_MAGIC);
  piece[8] = 2;
  new DataView(piece.buffer).setFloat64(16, end - HEADER_SIZE, true);
  piece.set(sha256(piece.subarray(0, 56)).subarray(0, 8), 56);
  piece.set(sha256(piece.subarray(0, end)), end);
  return piece;
}

/** Bytes that a saved build has of its identity: texts, which have their lengths before them, numbers, and a flag. */
function identitySize(saved) {
  const view = new DataView(saved.buffer, saved.byteOffset);
  let at = HEADER_SIZE;
  for (const kind of ["text", "number", "text", "number", "text", "number"])
    at += 8 + (kind === "text" ? view.getFloat64(at, true) : 0);
  return at + 1 - HEADER_SIZE;
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest();
}
