/**
 * Random layers, sound and damaged: tar dialects × gzip writers × span sizes. How wild a layer is, is drawn for each: most
 * are what tools write, some have one oddity, some are nothing but oddities.
 */
import { constants, deflateRawSync, deflateSync } from "node:zlib";
import { base256, concat, GNU, latin1, padded, paxHeader, tarEntry, tarHeader, USTAR } from "./tar-writer.mjs";

const SPAN_SIZES = [0, 1, 1000, 4096, 32768, 65536, 4194304];

/** A layer, with how to index it. */
export function randomLayer(random) {
  const isPlain = random.chance(0.2);
  const tar = randomTar(random);
  const spanSize = random.pick(SPAN_SIZES);
  return isPlain
    ? { bytes: tar, compression: "uncompressed", spanSize: spanSize === 0 ? 1000 : spanSize }
    : { bytes: randomGzip(random, tar), compression: "gzip", spanSize };
}

// ---- tar -----------------------------------------------------------------------------------------------------------

const MAX_INT64 = 2n ** 63n - 1n;

const ODD_NUMBERS = [
  "0000644\0",
  "  644 \0 ",
  "0104755\0",
  "\0\0\0\0\0\0\0\0",
  "64\0xyz\0\0",
  "        ",
  "77777777",
  "0000648\0",
  "-000001\0",
  "\xff\xff\xff\xff\xff\xff\xff\xff",
  "\x80\0\0\0\0\0\0\x07",
  base256(2n ** 62n + 5n, 8),
  base256(-(2n ** 62n), 8),
  base256(123_456_789n, 8),
  base256(-123_456_789n, 8),
];
const ODD_TIMES = [
  2n ** 40n,
  -5n,
  253402300799n,
  253402300800n,
  -62167219200n,
  -62167219201n,
  MAX_INT64,
  MAX_INT64 + 1n,
  -MAX_INT64 - 1n,
]
  .map((time) => base256(time, 12))
  .concat("            ", "77777777777\0", "7777777777777");

const PAX_VALUES = {
  size: ["0", "5", "100", "+7", "-1", "", "9223372036854775807", "9223372036854775808", "1_0", "0x5", "0512"],
  uid: ["0", "5", "4294967296", "-1", "+3", "", "99999999999999999999", "1.5", "9007199254740993"],
  mtime: [
    "1350244992.023960108",
    "1.",
    "+1.5",
    "-1.5",
    "-0.5",
    ".5",
    "",
    "1.5.5",
    "-1",
    "253402300800",
    "9223372036854775807",
    "-9223372036854775808.5",
    "1e5",
    "0.0000000001",
    "1.99999999999",
  ],
  "GNU.sparse.major": ["0", "1", "2", ""],
  "GNU.sparse.minor": ["0", "1", ""],
  "GNU.sparse.realsize": ["2000", "100", "0", "-1", "", "x", "+50000"],
  "GNU.sparse.numblocks": ["0", "1", "2", "-1", "x", ""],
  "GNU.sparse.map": ["", "0,3", "0,3,1000,4", "0,3,2,4", "3", "0,-1", "0,x", "99999,1", ","],
  "GNU.sparse.name": ["real.bin", "", "a\0b", "dir/"],
};
PAX_VALUES.gid = PAX_VALUES.uid;
PAX_VALUES.atime = PAX_VALUES.mtime;
PAX_VALUES.ctime = PAX_VALUES.mtime;

const TEXT_KEYS = ["path", "linkpath", "uname", "gname"];
const PLAIN_KEYS = [
  ...TEXT_KEYS,
  "comment",
  "SCHILY.xattr.user.a",
  "SCHILY.xattr.user.b",
  "SCHILY.xattr.\xc3\xa9",
  "__proto__",
  "LIBARCHIVE.xattr.b",
];
const ALL_KEYS = [...PLAIN_KEYS, "uid", "gid", "size", "mtime", "atime", "ctime", "hdrcharset", "z\0z", "\xff"];

const MALFORMED_RECORDS = [
  "6 abc\n",
  "5 =a\n",
  "6 a=bc",
  "9 a=b\n",
  "00000005 a=b\n",
  "007 a=b\n",
  "+6 a=b\n",
  "6 a=b\n6 a=c\n",
  "",
  "junk",
  " 6 a=b\n",
  "4 a=\n",
  "5 a=\n",
];
const SPARSE_MAPS = [
  "1\n0\n3\n",
  "2\n0\n3\n1000\n4\n",
  "0\n",
  "x\n",
  "-1\n",
  "4611686018427387904\n",
  "4611686018427387903\n",
  "1\n0\n",
  "1\n\n3\n",
  "1\n0\n3\n4\n5\n",
];

export function randomTar(random) {
  const wildness = random.pick([0, 0, 0.1, 0.3, 1]);
  const parts = [];
  for (let i = random.below(8); i >= 0; i--) {
    if (random.chance(0.35)) parts.push(randomPax(random, wildness));
    if (random.chance(0.12)) {
      const text = random.pick([`long/${"n".repeat(random.below(300))}\0junk`, "\0b", "", "d/", "\xff"]);
      parts.push(tarEntry({ name: "@", typeflag: random.pick(["L", "K"]), magic: GNU }, text));
    }
    if (random.chance(0.05)) parts.push(randomPax(random, wildness));
    if (random.chance(0.95)) parts.push(randomEntry(random, wildness));
  }
  if (random.chance(0.8)) parts.push(new Uint8Array(random.pick([1024, 1024, 512, 1536, 10240, 700])));
  if (random.chance(0.1)) parts.push(latin1("garbage".repeat(random.below(200))));
  let tar = concat(...parts);
  if (random.chance(0.05)) tar = tar.subarray(0, random.below(tar.length + 1));
  if (random.chance(0.05) && tar.length > 0) {
    tar = tar.slice();
    for (let i = random.below(4); i >= 0; i--) tar[random.below(tar.length)] = random.below(256);
  }
  return tar;
}

function randomPax(random, wildness) {
  if (random.chance(0.03 * wildness)) return tarEntry({ name: "p", typeflag: "x" }, random.pick(MALFORMED_RECORDS));
  const isWild = random.chance(0.15 * wildness);
  const records = [];
  for (let i = random.below(5); i >= 0; i--) {
    const key = random.pick(isWild ? ALL_KEYS : PLAIN_KEYS);
    records.push([
      key,
      isWild || random.chance(0.1)
        ? paxValue(random, key)
        : random.pick([random.text(random.below(30)), "n".repeat(random.below(200)), "x"]),
    ]);
  }
  if (random.chance(0.25)) records.push(["mtime", random.pick(["1350244992.023960108", "1.5", "-1.5", "1700000000"])]);
  if (random.chance(0.1)) records.push(...sparseRecords(random, wildness));
  return paxHeader(records, random.chance(0.01 * wildness) ? "g" : "x");
}

function paxValue(random, key) {
  if (TEXT_KEYS.includes(key))
    return random.pick([random.text(random.below(40)), "n".repeat(random.below(300)), "", "a\0b", "d/"]);
  const values = Object.hasOwn(PAX_VALUES, key)
    ? PAX_VALUES[key]
    : [random.text(random.below(30)), "\0\xff\x01", "a=b\n5 c=d\n", ""];
  return random.pick(values);
}

/** The four forms in which PAX records say that a file is sparse. */
function sparseRecords(random, wildness) {
  const records = (...keys) => keys.map((key) => [`GNU.sparse.${key}`, random.pick(PAX_VALUES[`GNU.sparse.${key}`])]);
  const numbytes = random.pick(["4", "3,4", "2000"]);
  const forms = [
    () => [
      ["GNU.sparse.size", "2000"],
      ["GNU.sparse.numblocks", "2"],
      ["GNU.sparse.map", "0,3,1000,4"],
    ],
    () => [
      ["GNU.sparse.size", "2000"],
      ["GNU.sparse.numblocks", random.pick(["1", "2"])],
      ["GNU.sparse.offset", "0"],
      ["GNU.sparse.numbytes", "3"],
      ...(random.chance(0.5)
        ? [
            ["GNU.sparse.offset", "1000"],
            ["GNU.sparse.numbytes", numbytes],
          ]
        : []),
    ],
    () => [
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.name", random.pick(["r", "", "d/"])],
      ["GNU.sparse.realsize", random.pick(["2000", "90000", "5"])],
    ],
  ];
  if (wildness > 0.5) forms.push(() => records("major", "minor", "name", "realsize", "numblocks", "map"));
  return random.pick(forms)();
}

function randomEntry(random, wildness) {
  const number = () =>
    random.chance(0.15 * wildness)
      ? random.pick(ODD_NUMBERS)
      : random.pick(["0000644\0", "0000755 ", "0000000\0", "0001750\0"]);
  const device = (usual) => (random.chance(0.3 * wildness) ? random.pick(ODD_NUMBERS) : usual);
  const fields = {
    name: random.pick(["a", "d/", "./x", "n".repeat(100), "f\xff", "", random.text(random.below(60))]),
    mode: number(),
    uid: number(),
    gid: number(),
    mtime: random.chance(0.2 * wildness) ? random.pick(ODD_TIMES) : "14530251740\0",
    uname: random.pick(["", "root", "r\xe9"]),
    gname: random.pick(["", "root"]),
    linkname: random.pick(["", "t", "l".repeat(100)]),
    typeflag: random.chance(0.03 * wildness)
      ? random.pick(["7", "S", "V", "M", "D", "'", "\x01", "\xff", "\xad", "g", "N"])
      : random.pick(["0", "0", "0", "\0", "1", "2", "3", "4", "5", "6"]),
    magic: random.pick([USTAR, USTAR, GNU, "", "ustar\0zz", "ustar  x"]),
    devmajor: random.chance(0.3) ? device("0000001\0") : "",
    devminor: device(""),
    raw: {},
  };
  if (random.chance(0.3)) fields.prefix = random.pick(["pre/fix", "p".repeat(155), "p\xe9"]);
  if (random.chance(0.08)) fields.raw[508] = "tar\0";
  if (fields.magic === GNU && random.chance(0.3)) {
    fields.raw[345] = random.pick(["14530251740\0", "zz", "\0"]);
    fields.raw[357] = random.pick(["14530251740\0", "qq"]);
  }
  if (fields.typeflag === "S") {
    fields.raw[386] = random.pick(["00000000000\x0000000000003\0", "x", "\0"]);
    fields.raw[482] = random.pick(["\0", "\x01"]);
    fields.raw[483] = random.pick(["00000000010\0", "y", "\0"]);
  }
  if (random.chance(0.02 * wildness)) fields.checksum = random.pick(["0", "000000\0 ", "abc"]);
  if (random.chance(0.02 * wildness)) {
    fields.size = random.pick([base256(-1n, 12), base256(2n ** 62n, 12), "zz", base256(-600n, 12), "99"]);
  } else if ("12345 6".includes(fields.typeflag) && random.chance(0.1)) {
    fields.size = random.pick([5, 513, 1500, base256(-5n, 12), base256(MAX_INT64, 12), base256(-(2n ** 60n), 12)]);
  }
  if (fields.size !== undefined) return concat(tarHeader(fields), new Uint8Array(random.pick([0, 512])));
  const isDirectory = fields.typeflag === "\0" && fields.name.endsWith("/");
  if (isDirectory || !["0", "\0", "7", "S"].includes(fields.typeflag)) return tarHeader(fields);
  return tarEntry(fields, randomBody(random, wildness));
}

function randomBody(random, wildness) {
  if (random.chance(0.02 + 0.15 * wildness)) {
    const map = random.chance(0.1) ? `0${"0".repeat(random.below(600))}1\n10\n5\n` : random.pick(SPARSE_MAPS);
    return concat(padded(latin1(map)), new Uint8Array(random.below(600)));
  }
  if (!random.chance(0.1)) return latin1("x".repeat(random.below(1500)));
  const symbols = random.pick([4, 16, 64, 256]);
  return Uint8Array.from({ length: random.below(200_000) }, () => random.below(symbols));
}

// ---- gzip ----------------------------------------------------------------------------------------------------------

/** Members, one after the other: mostly one, mostly of gzip. */
function randomGzip(random, tar) {
  const members = [];
  if (random.chance(0.08)) members.push(randomMember(random, new Uint8Array(0)));
  let at = 0;
  do {
    const taken = memberLength(random, tar, at);
    const bytes = tar.subarray(at, at + taken);
    members.push(random.chance(0.03) ? new Uint8Array(deflateSync(bytes)) : randomMember(random, bytes));
    at += taken;
  } while (at < tar.length);
  if (random.chance(0.05)) members.push(randomMember(random, new Uint8Array(0)));
  // Eight bytes: Go's reader wants ten for a header.
  if (random.chance(0.02)) members.push(new Uint8Array(deflateSync(new Uint8Array(0))));
  if (random.chance(0.02)) members.push(new Uint8Array(random.below(5)));
  const gzip = concat(...members);
  return random.chance(0.03) ? gzip.subarray(0, random.below(gzip.length + 1)) : gzip;
}

/** All that is left, or anything; or up to the end of a special record, where Go's reader meets the next member's header early. */
function memberLength(random, tar, at) {
  const left = tar.length - at;
  if (random.chance(0.55)) return left;
  const ends = recordEnds(tar).filter((end) => end > at);
  if (ends.length > 0 && random.chance(0.4)) return random.pick(ends) - at;
  return random.chance(0.3) ? Math.min(left, 512 * random.below(4)) : random.below(left + 1);
}

/** Where the payloads of PAX headers and GNU long names end. */
function recordEnds(tar) {
  const ends = [];
  for (let at = 0; at + 512 <= tar.length; at += 512) {
    if (!"xgLK".includes(String.fromCharCode(tar[at + 156]))) continue;
    const end = at + 512 + Number.parseInt(String.fromCharCode(...tar.subarray(at + 124, at + 135)), 8);
    if (end <= tar.length) ends.push(end);
  }
  return ends;
}

function randomMember(random, bytes) {
  const flags = random.chance(0.7) ? 0 : random.below(32) & 0x1d;
  const text = (character) =>
    `${character.repeat(random.chance(0.9) ? random.below(20) : random.pick([510, 511, 512, 513]))}\0`;
  let header = `\x1f\x8b\x08${String.fromCharCode(flags)}\0\0\0\0\0\xff`;
  if (flags & 4) {
    const length = random.below(30);
    header += `${String.fromCharCode(length)}\0${"e".repeat(length)}`;
  }
  if (flags & 8) header += text("n");
  if (flags & 16) header += text("c");
  const trailer = new Uint8Array(8);
  const view = new DataView(trailer.buffer);
  view.setUint32(0, crc32(bytes), true);
  view.setUint32(4, bytes.length, true);
  if (random.chance(0.01)) trailer[random.below(8)] ^= 1;
  return concat(latin1(header), random.chance(0.35) ? flushed(random, bytes) : deflated(random, bytes), trailer);
}

function deflated(random, bytes) {
  const options = {
    level: random.pick([0, 1, 6, 9]),
    strategy: random.pick([0, 0, 1, 2, 3, 4]),
    memLevel: random.pick([8, 1, 9]),
  };
  return new Uint8Array(deflateRawSync(bytes, options));
}

/** Pieces, flushed in between: blocks that are empty, and boundaries inside bytes. */
function flushed(random, bytes) {
  const pieces = [];
  for (let at = 0; at < bytes.length;) {
    const taken = Math.min(bytes.length - at, 1 + random.below(60_000));
    const finishFlush = random.pick([constants.Z_SYNC_FLUSH, constants.Z_FULL_FLUSH]);
    pieces.push(
      new Uint8Array(deflateRawSync(bytes.subarray(at, at + taken), { level: random.pick([0, 1, 6, 9]), finishFlush })),
    );
    at += taken;
  }
  return concat(...pieces, Uint8Array.of(3, 0));
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/** `zlib.crc32` came with Node 20.15 and 22.2; this is for others. */
function crc32(bytes) {
  let crc = ~0;
  for (let i = 0; i < bytes.length; i++) crc = CRC_TABLE[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
