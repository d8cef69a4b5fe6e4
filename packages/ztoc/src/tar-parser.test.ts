import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ZtocError } from "./errors.ts";
import { formatModTime } from "./mod-time.ts";
import { TarParser, type TarEntry } from "./tar-parser.ts";
import {
  base256,
  concat,
  GNU,
  latin1,
  paxHeader,
  paxRecord,
  tarEnd,
  tarEntry,
  tarHeader,
  type HeaderFields,
} from "./testing/tar-writer.ts";

interface Parsed {
  readonly entries: readonly TarEntry[];
  readonly error: ZtocError | undefined;
  readonly position: number;
}

function parse(archive: Uint8Array, chunkSize = archive.length): Parsed {
  const entries: TarEntry[] = [];
  const parser = new TarParser((entry) => {
    entries.push(entry);
  });
  for (let at = 0; at < archive.length; at += chunkSize) parser.push(archive.subarray(at, at + chunkSize));
  parser.finish();
  return { entries, error: parser.error, position: parser.position };
}

function only(...parts: readonly Uint8Array[]): TarEntry {
  const { entries, error } = parse(concat(...parts, tarEnd()));
  expect(error).toBeUndefined();
  expect(entries).toHaveLength(1);
  return entries[0]!;
}

const long = "n".repeat(120);

describe("TarParser gives what an entry's headers say:", () => {
  const cases: readonly (readonly [string, readonly Uint8Array[], Partial<Record<keyof TarEntry, unknown>>])[] = [
    [
      "a plain file",
      [tarEntry({ name: "a" }, "abc")],
      { name: "a", type: "reg", size: 3, headerOffset: 0, payloadOffset: 512 },
    ],
    ["a name of 100 bytes without NUL", [tarEntry({ name: "x".repeat(100) })], { name: "x".repeat(100) }],
    ["bytes that are not UTF-8", [tarEntry({ name: "f\xff" })], { name: "f\xff" }],
    ["names that are not cleaned", [tarEntry({ name: "./a/../b//" })], { name: "./a/../b//", type: "reg" }],
    ["an empty name", [tarEntry({ name: "" })], { name: "" }],
    ["a ustar prefix", [tarEntry({ name: "n", prefix: "pre/fix" })], { name: "pre/fix/n" }],
    ["a prefix of 155 bytes", [tarEntry({ name: "n", prefix: "p".repeat(155) })], { name: `${"p".repeat(155)}/n` }],
    ["no prefix in V7", [tarEntry({ name: "n", magic: "", prefix: "p" })], { name: "n", uname: "" }],
    ["V7 without users", [tarEntry({ magic: "", uname: "u", devmajor: "zz" })], { uname: "", devmajor: 0 }],
    ["no prefix in GNU", [tarEntry({ name: "n", magic: GNU, uname: "u" })], { name: "n", uname: "u" }],
    ["the prefix of Go before 1.8 in GNU", [tarEntry({ name: "n", magic: GNU, prefix: "pre" })], { name: "pre/n" }],
    ["no prefix of other bytes there", [tarEntry({ name: "n", magic: GNU, prefix: "pr\xe9" })], { name: "n" }],
    [
      "131 bytes of prefix in STAR",
      [tarEntry({ name: "n", prefix: "p".repeat(131), raw: { 476: "00000000000 00000000000 ", 508: "tar\0" } })],
      { name: `${"p".repeat(131)}/n` },
    ],
    ["ustar of another version", [tarEntry({ magic: "ustar\0xx", prefix: "p", name: "n" })], { name: "p/n" }],
    ["GNU of another version as V7", [tarEntry({ magic: "ustar  x", uname: "u" })], { uname: "" }],
    ["type NUL as a file", [tarEntry({ typeflag: "\0", name: "f" })], { type: "reg" }],
    ["type NUL with a slash as a directory", [tarEntry({ typeflag: "\0", name: "d/" })], { type: "dir" }],
    ["type 0 with a slash as a file", [tarEntry({ typeflag: "0", name: "d/" })], { type: "reg" }],
    ["a hard link", [tarHeader({ typeflag: "1", linkname: "t" })], { type: "hardlink", linkname: "t" }],
    ["a symbolic link", [tarHeader({ typeflag: "2", linkname: "t" })], { type: "symlink", linkname: "t" }],
    [
      "a character device",
      [tarHeader({ typeflag: "3", devmajor: "0000400\0", devminor: "0000401\0" })],
      { type: "char", devmajor: 256, devminor: 257 },
    ],
    ["a block device", [tarHeader({ typeflag: "4" })], { type: "block" }],
    ["a directory", [tarHeader({ typeflag: "5" })], { type: "dir" }],
    ["a FIFO", [tarHeader({ typeflag: "6" })], { type: "fifo" }],
    ["a link's size, without a payload", [tarHeader({ typeflag: "1", size: 1500 })], { size: 1500 }],
    ["a negative size of a link", [tarHeader({ typeflag: "1", size: base256(-5n, 12) })], { size: -5 }],
    ["mode with type bits", [tarEntry({ mode: "0104755\0" })], { mode: 0o104755 }],
    ["octal between blanks", [tarEntry({ mode: "  644 \0 " })], { mode: 0o644 }],
    ["octal cut at a NUL", [tarEntry({ mode: "64\x004xyz" })], { mode: 0o64 }],
    ["empty numbers as 0", [tarEntry({ uid: "\0\0\0\0\0\0\0\0", gid: "        " })], { uid: 0, gid: 0 }],
    ["base 256", [tarEntry({ uid: base256(2n ** 33n, 8) })], { uid: 2 ** 33 }],
    ["negative base 256", [tarEntry({ uid: base256(-1n, 8), mtime: base256(-2n, 12) })], { uid: -1 }],
    ["base 256 beyond 2^53", [tarEntry({ uid: base256(2n ** 60n, 8) })], { uid: 2n ** 60n }],
    ["a signed checksum", [signedChecksum({ name: "f\xff" })], { name: "f\xff" }],
    [
      "a PAX path and link",
      [
        paxHeader([
          ["path", long],
          ["linkpath", "l"],
        ]),
        tarHeader({ typeflag: "2" }),
      ],
      { name: long, linkname: "l" },
    ],
    [
      "PAX numbers",
      [
        paxHeader([
          ["uid", "+7"],
          ["gid", "-0"],
          ["uname", "u"],
          ["gname", "g"],
        ]),
        tarEntry({}),
      ],
      { uid: 7, gid: 0, uname: "u", gname: "g" },
    ],
    [
      "PAX values that are empty",
      [
        paxHeader([
          ["path", ""],
          ["uid", ""],
        ]),
        tarEntry({ name: "n" }),
      ],
      { name: "n" },
    ],
    [
      "the last of equal PAX keys",
      [
        paxHeader([
          ["path", "a"],
          ["path", "b"],
        ]),
        tarEntry({}),
      ],
      { name: "b" },
    ],
    [
      "the last of two PAX headers",
      [
        paxHeader([
          ["path", "a"],
          ["uid", "1"],
        ]),
        paxHeader([["path", "b"]]),
        tarEntry({}),
      ],
      { name: "b", uid: 0 },
    ],
    [
      "a PAX value with newlines and =",
      [paxHeader([["comment", "a=b\n5 c=d\n"]]), tarEntry({})],
      { paxRecords: new Map([["comment", "a=b\n5 c=d\n"]]) },
    ],
    [
      "a PAX key that is a property of objects",
      [paxHeader([["__proto__", "x"]]), tarEntry({})],
      { paxRecords: new Map([["__proto__", "x"]]) },
    ],
    [
      "a GNU long name",
      [tarEntry({ typeflag: "L" }, `${long}\0junk`), tarEntry({})],
      { name: long, headerOffset: 0, payloadOffset: 1536 },
    ],
    ["a GNU long link", [tarEntry({ typeflag: "K" }, long), tarHeader({ typeflag: "2" })], { linkname: long }],
    [
      "a long name over a PAX path",
      [tarEntry({ typeflag: "L" }, "gnu"), paxHeader([["path", "pax"]]), tarEntry({})],
      { name: "gnu" },
    ],
    [
      "an empty long name as none, cancelling one before",
      [tarEntry({ typeflag: "L" }, "a"), tarEntry({ typeflag: "L" }, "\0b"), tarEntry({ name: "n" })],
      { name: "n" },
    ],
    ["type NUL by the long name", [tarEntry({ typeflag: "L" }, "d/"), tarHeader({ typeflag: "\0" })], { type: "dir" }],
    [
      "sparse 0.1",
      [
        paxHeader([
          ["GNU.sparse.size", "2000"],
          ["GNU.sparse.numblocks", "2"],
          ["GNU.sparse.map", "0,3,1000,4"],
        ]),
        tarEntry({}, "abcdefg"),
      ],
      { size: 2000, isSparse: true },
    ],
    [
      "sparse 0.0, whose pairs replace a map",
      [
        paxHeader([
          ["GNU.sparse.map", "9,9"],
          ["GNU.sparse.size", "2000"],
          ["GNU.sparse.numblocks", "1"],
          ["GNU.sparse.offset", "0"],
          ["GNU.sparse.numbytes", "3"],
        ]),
        tarEntry({}, "abc"),
      ],
      {
        size: 2000,
        isSparse: true,
        paxRecords: new Map([
          ["GNU.sparse.map", "0,3"],
          ["GNU.sparse.size", "2000"],
          ["GNU.sparse.numblocks", "1"],
        ]),
      },
    ],
    [
      "sparse 1.0, its map before the data",
      [
        paxHeader([
          ["GNU.sparse.major", "1"],
          ["GNU.sparse.minor", "0"],
          ["GNU.sparse.name", "real"],
          ["GNU.sparse.realsize", "2000"],
        ]),
        tarEntry({}, concat(blockOf("1\n100\n3\n"), latin1("abc"))),
      ],
      { name: "real", size: 2000, isSparse: true, payloadOffset: 2048 },
    ],
    [
      "a sparse map without entries",
      [
        paxHeader([
          ["GNU.sparse.major", "0"],
          ["GNU.sparse.minor", "1"],
          ["GNU.sparse.numblocks", "0"],
        ]),
        tarEntry({}),
      ],
      { isSparse: true },
    ],
    [
      "sparse files of a later version as plain",
      [
        paxHeader([
          ["GNU.sparse.major", "2"],
          ["GNU.sparse.map", "x"],
        ]),
        tarEntry({}, "abc"),
      ],
      { isSparse: false, size: 3 },
    ],
  ];

  test.each(cases)("%s", (_, parts, want) => {
    expect(only(...parts)).toMatchObject(want);
  });

  test("types with PAX sizes: what follows is found behind the payload", () => {
    const { entries } = parse(
      concat(paxHeader([["size", "5"]]), tarEntry({ size: 0 }, "12345"), tarEntry({ name: "next" }), tarEnd()),
    );
    expect(entries.map(({ name, size, headerOffset }) => [name, size, headerOffset])).toEqual([
      ["file", 5, 0],
      ["next", 0, 2048],
    ]);
  });

  test("meta headers count for one entry only", () => {
    const { entries } = parse(
      concat(tarEntry({ typeflag: "L" }, "long"), paxHeader([["uid", "7"]]), tarEntry({}), tarEntry({ name: "n" })),
    );
    expect(entries.map(({ name, uid }) => [name, uid])).toEqual([
      ["long", 7],
      ["n", 0],
    ]);
  });
});

describe("TarParser ends the archive at", () => {
  const file = tarEntry({}, "12345");
  test.each([
    ["two blocks of zeros", concat(file, tarEnd(), latin1("x".repeat(600))), 2048],
    ["one block of zeros and the end", concat(file, new Uint8Array(512)), 1536],
    ["the end without a marker", file, 1024],
    ["the end without padding", file.subarray(0, 517), 517],
    ["the end in the padding", file.subarray(0, 700), 700],
    ["the end of nothing", new Uint8Array(0), 0],
    ["meta headers that nothing follows", concat(file, paxHeader([["path", "a"]]).subarray(0, 522)), 1546],
  ])("%s", (_, archive, position) => {
    const parsed = parse(archive);
    expect(parsed.error).toBeUndefined();
    expect(parsed.position).toBe(position);
  });
});

describe("TarParser refuses, in the reference's words,", () => {
  const invalid = "error while reading tar header: archive/tar: invalid tar header";
  const cut = "error while reading tar header: unexpected EOF";
  const sparse10: readonly (readonly [string, string])[] = [
    ["GNU.sparse.major", "1"],
    ["GNU.sparse.minor", "0"],
    ["GNU.sparse.size", "2000"],
  ];
  const withPax = (...records: readonly (readonly [string, string])[]): Uint8Array =>
    concat(paxHeader(records), tarEntry({}, "abc"));
  const cases: readonly (readonly [string, Uint8Array, string, string])[] = [
    ["a wrong checksum", tarHeader({ checksum: "000000\0 " }), "ERR_ZTOC_TAR_HEADER", invalid],
    ["a checksum that is no number", tarHeader({ checksum: "abcdef\0 " }), "ERR_ZTOC_TAR_HEADER", invalid],
    ["digits that are not octal", tarHeader({ mode: "0000648\0" }), "ERR_ZTOC_TAR_HEADER", invalid],
    ["a blank inside a number", tarHeader({ mode: "00 0644\0" }), "ERR_ZTOC_TAR_HEADER", invalid],
    ["a size below 0", tarHeader({ size: base256(-1n, 12) }), "ERR_ZTOC_TAR_HEADER", invalid],
    ["base 256 beyond 64 bits", tarHeader({ size: base256(2n ** 63n, 12) }), "ERR_ZTOC_TAR_HEADER", invalid],
    ["a STAR time that is no number", tarHeader({ raw: { 476: "zz", 508: "tar\0" } }), "ERR_ZTOC_TAR_HEADER", invalid],
    [
      "a block of zeros before something else",
      concat(new Uint8Array(512), tarHeader()),
      "ERR_ZTOC_TAR_HEADER",
      invalid,
    ],
    ["half a header", tarHeader().subarray(0, 300), "ERR_ZTOC_TAR_TRUNCATED", cut],
    ["half a second block of zeros", new Uint8Array(700), "ERR_ZTOC_TAR_TRUNCATED", cut],
    ["a payload cut short", tarEntry({}, "12345").subarray(0, 515), "ERR_ZTOC_TAR_TRUNCATED", cut],
    ["a size beyond 2^53", tarEntry({ size: base256(2n ** 62n, 12) }, "x"), "ERR_ZTOC_TAR_TRUNCATED", cut],
    ["PAX records cut short", paxHeader([["path", "abc"]]).subarray(0, 515), "ERR_ZTOC_TAR_TRUNCATED", cut],
    ["a PAX size below 0", concat(paxHeader([["size", "-1"]]), tarEntry({})), "ERR_ZTOC_TAR_HEADER", invalid],
    ["a PAX number that is none", withPax(["uid", "0x1"]), "ERR_ZTOC_TAR_HEADER", invalid],
    ["a PAX number beyond 64 bits", withPax(["gid", "9223372036854775808"]), "ERR_ZTOC_TAR_HEADER", invalid],
    ["a PAX time that is none", withPax(["mtime", ".5"]), "ERR_ZTOC_TAR_HEADER", invalid],
    ["a PAX time that is not even kept", withPax(["atime", "x"]), "ERR_ZTOC_TAR_HEADER", invalid],
    ["NUL in a PAX path", withPax(["path", "a\0b"]), "ERR_ZTOC_TAR_HEADER", invalid],
    ["NUL in a PAX key", withPax(["a\0b", "c"]), "ERR_ZTOC_TAR_HEADER", invalid],
    ["a PAX record without =", tarEntry({ typeflag: "x" }, "6 abc\n"), "ERR_ZTOC_TAR_HEADER", invalid],
    ["a PAX record without a key", tarEntry({ typeflag: "x" }, "5 =a\n"), "ERR_ZTOC_TAR_HEADER", invalid],
    ["a PAX record without its newline", tarEntry({ typeflag: "x" }, "6 a=bc"), "ERR_ZTOC_TAR_HEADER", invalid],
    ["a PAX record longer than there is", tarEntry({ typeflag: "x" }, "9 a=b\n"), "ERR_ZTOC_TAR_HEADER", invalid],
    [
      "a PAX record shorter than its own digits",
      tarEntry({ typeflag: "x" }, "00000005 a=b\n"),
      "ERR_ZTOC_TAR_HEADER",
      invalid,
    ],
    [
      "a special record above 1 MiB",
      tarEntry({ typeflag: "L" }, new Uint8Array(2 ** 20 + 1).fill(65)),
      "ERR_ZTOC_TAR_RECORD_TOO_LONG",
      "error while reading tar header: archive/tar: header field too long",
    ],
    [
      "a global PAX header",
      concat(paxHeader([["comment", "x"]], "g"), tarEntry({})),
      "ERR_ZTOC_TAR_ENTRY_TYPE",
      "unsupported input tar entry 'g'",
    ],
    ["a global PAX header, malformed first", tarEntry({ typeflag: "g" }, "junk"), "ERR_ZTOC_TAR_HEADER", invalid],
    ["a contiguous file", tarEntry({ typeflag: "7" }), "ERR_ZTOC_TAR_ENTRY_TYPE", "unsupported input tar entry '7'"],
    ["a quote for a type", tarEntry({ typeflag: "'" }), "ERR_ZTOC_TAR_ENTRY_TYPE", "unsupported input tar entry '\\''"],
    [
      "a control character for a type",
      tarEntry({ typeflag: "\x01" }),
      "ERR_ZTOC_TAR_ENTRY_TYPE",
      "unsupported input tar entry '\\x01'",
    ],
    ["a tab for a type", tarEntry({ typeflag: "\t" }), "ERR_ZTOC_TAR_ENTRY_TYPE", "unsupported input tar entry '\\t'"],
    [
      "Latin-1 for a type",
      tarEntry({ typeflag: "\xff" }),
      "ERR_ZTOC_TAR_ENTRY_TYPE",
      "unsupported input tar entry 'ÿ'",
    ],
    [
      "a soft hyphen for a type",
      tarEntry({ typeflag: "\xad" }),
      "ERR_ZTOC_TAR_ENTRY_TYPE",
      "unsupported input tar entry '\\u00ad'",
    ],
    [
      "an unknown type, its PAX value first",
      concat(paxHeader([["uid", "x"]]), tarEntry({ typeflag: "7" })),
      "ERR_ZTOC_TAR_HEADER",
      invalid,
    ],
    [
      "an unknown type, its sparse map first",
      concat(paxHeader([["GNU.sparse.map", "1"]]), tarEntry({ typeflag: "7" })),
      "ERR_ZTOC_TAR_HEADER",
      invalid,
    ],
    ["sparse pairs in the wrong order", withPax(["GNU.sparse.numbytes", "1"]), "ERR_ZTOC_TAR_HEADER", invalid],
    [
      "a sparse map of another length",
      withPax(["GNU.sparse.numblocks", "2"], ["GNU.sparse.map", "0,1"]),
      "ERR_ZTOC_TAR_HEADER",
      invalid,
    ],
    [
      "a sparse map past the size",
      withPax(["GNU.sparse.numblocks", "1"], ["GNU.sparse.map", "2,2"]),
      "ERR_ZTOC_TAR_HEADER",
      invalid,
    ],
    [
      "a sparse map that overlaps",
      withPax(["GNU.sparse.numblocks", "2"], ["GNU.sparse.map", "0,2,1,1"]),
      "ERR_ZTOC_TAR_HEADER",
      invalid,
    ],
    [
      "a sparse map of a link",
      concat(
        paxHeader([
          ["GNU.sparse.numblocks", "0"],
          ["GNU.sparse.major", "0"],
          ["GNU.sparse.minor", "0"],
        ]),
        tarHeader({ typeflag: "2" }),
      ),
      "ERR_ZTOC_TAR_HEADER",
      invalid,
    ],
    [
      "a sparse map that fills no block",
      concat(paxHeader(sparse10), tarEntry({}, "1\n0\n1\n")),
      "ERR_ZTOC_TAR_TRUNCATED",
      cut,
    ],
    [
      "a sparse map with a count that is none",
      concat(paxHeader(sparse10), tarEntry({}, blockOf("x\n0\n1\n"))),
      "ERR_ZTOC_TAR_HEADER",
      invalid,
    ],
    [
      "a sparse map with a huge count",
      concat(paxHeader(sparse10), tarEntry({}, blockOf("4611686018427387904\n"))),
      "ERR_ZTOC_TAR_HEADER",
      invalid,
    ],
    [
      "a sparse map above 1 MiB",
      concat(paxHeader(sparse10), tarEntry({}, new Uint8Array(2 ** 20 + 512))),
      "ERR_ZTOC_TAR_SPARSE_MAP_TOO_LONG",
      "error while reading tar header: archive/tar: sparse map too long",
    ],
    ["an old GNU sparse file", oldSparse(1), "ERR_ZTOC_TAR_ENTRY_TYPE", "unsupported input tar entry 'S'"],
    ["an old GNU sparse file in ustar", tarEntry({ typeflag: "S" }), "ERR_ZTOC_TAR_HEADER", invalid],
    [
      "an old GNU sparse map past the size",
      tarHeader({ typeflag: "S", magic: GNU, raw: { 386: "00000000001\x0000000000001\0" } }),
      "ERR_ZTOC_TAR_HEADER",
      invalid,
    ],
    ["an old GNU sparse map cut short", oldSparse(2).subarray(0, 1024), "ERR_ZTOC_TAR_TRUNCATED", cut],
    [
      "old GNU sparse maps of 2,047 extensions",
      oldSparse(2047),
      "ERR_ZTOC_TAR_ENTRY_TYPE",
      "unsupported input tar entry 'S'",
    ],
    [
      "old GNU sparse maps of 2,048 extensions",
      oldSparse(2048),
      "ERR_ZTOC_TAR_SPARSE_MAP_TOO_LONG",
      "error while reading tar header: archive/tar: sparse map too long",
    ],
  ];

  test.each(cases)("%s", (_, archive, code, text) => {
    const { error } = parse(archive);
    expect(error?.message).toContain(text);
    expect(error?.code).toBe(code);
  });

  test("nothing at the limits: special records and sparse maps of 1 MiB", () => {
    expect(only(tarEntry({ typeflag: "L" }, new Uint8Array(2 ** 20).fill(65)), tarEntry({})).name).toHaveLength(
      2 ** 20,
    );
    const map = concat(latin1("1\n0\n"), new Uint8Array(2 ** 20 - 8).fill(0x30), latin1("1\n"));
    const full = concat(map, new Uint8Array(2 ** 20 - map.length));
    expect(only(paxHeader(sparse10), tarEntry({}, full)).isSparse).toBe(true);
  });
});

function blockOf(text: string): Uint8Array {
  const block = new Uint8Array(512);
  block.set(latin1(text));
  return block;
}

function signedChecksum(fields: HeaderFields): Uint8Array {
  const sum = tarHeader({ ...fields, checksum: "        " }).reduce(
    (total, byte) => total + (byte < 128 ? byte : byte - 256),
    0,
  );
  return tarHeader({ ...fields, checksum: `${sum.toString(8).padStart(6, "0")}\0 ` });
}

/** An old GNU sparse header and that many extension blocks. */
function oldSparse(extensions: number): Uint8Array {
  const blocks = Array.from({ length: extensions }, (_, i) => {
    const block = new Uint8Array(512);
    if (i < extensions - 1) block[504] = 1;
    return block;
  });
  return concat(tarHeader({ typeflag: "S", magic: GNU, raw: { 482: "\x01" } }), ...blocks, new Uint8Array(512));
}

describe("TarParser", () => {
  const archive = concat(
    tarEntry({ name: "d/", typeflag: "5" }),
    paxHeader([
      ["mtime", "1700000000.5"],
      ["SCHILY.xattr.user.a", "\0\xff"],
    ]),
    tarEntry({ typeflag: "L" }, long),
    tarEntry({}, "x".repeat(1000)),
    paxHeader([
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.size", "9000"],
    ]),
    tarEntry({}, concat(blockOf("0".repeat(512)), blockOf("001\n10\n5\n"), latin1("12345"))),
    tarEntry({ name: "last" }, "y"),
    tarEnd(),
  );

  test("gives the same, however the archive is cut", () => {
    const whole = parse(archive);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1500 }), (chunkSize) => {
        expect(parse(archive, chunkSize)).toEqual(whole);
      }),
      { numRuns: 60 },
    );
  });

  test("turns any bytes into entries or one coded error", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: archive.length - 1 }), fc.nat({ max: 255 })), { maxLength: 4 }),
        fc.nat({ max: archive.length }),
        fc.boolean(),
        (changes, cut, fixChecksums) => {
          const mutated = archive.slice(0, cut);
          for (const [at, byte] of changes) if (at < mutated.length) mutated[at] = byte;
          if (fixChecksums)
            for (let at = 0; at + 512 <= mutated.length; at += 512) fixChecksum(mutated.subarray(at, at + 512));
          const { entries, error } = parse(mutated, 333);
          if (error !== undefined) expect(error).toBeInstanceOf(ZtocError);
          for (const entry of entries) expect(typeof formatModTime(entry.modTime)).toBe("string");
        },
      ),
      { numRuns: 1500 },
    );
  });

  test("looks at nothing after an interruption, which is no error once the archive has ended", () => {
    const ended = new TarParser(() => {});
    ended.push(archive);
    expect(ended.interrupt(true)).toBe(false);
    const open = new TarParser(() => {});
    open.push(archive.subarray(0, 600));
    expect(open.interrupt(false)).toBe(true);
    open.push(archive.subarray(600));
    open.finish();
    expect([open.error, open.position]).toEqual([undefined, 600]);
  });

  test.each([
    ["comes with its last byte", 517, true, true],
    ["comes when more is asked for", 517, false, false],
    ["comes after it", 518, true, false],
  ])("takes an interruption for the error of a malformed record where it %s", (_, length, hasComeBefore, isError) => {
    const parser = new TarParser(() => {});
    parser.push(tarEntry({ typeflag: "x" }, "a b=c").subarray(0, length));
    expect(parser.error?.code).toBe("ERR_ZTOC_TAR_HEADER");
    expect(parser.interrupt(hasComeBefore)).toBe(isError);
  });
});

/** So that a mutation gets past the checksum. Blocks that are no headers are changed too, which is as good a mutation. */
function fixChecksum(block: Uint8Array): void {
  if (block[257] !== 0x75) return;
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.set(latin1(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
}

test("paxRecord() of the tests counts its own digits", () => {
  expect(paxRecord("a", "b")).toBe("6 a=b\n");
  expect(paxRecord("path", "x".repeat(91))).toHaveLength(101);
});

describe("TarParser names the entry that an error is about:", () => {
  const first = tarEntry({ name: "a" }, "1234567");
  const long = tarEntry({ typeflag: "L" }, "n".repeat(600));
  test.for<readonly [string, number, Uint8Array]>([
    ["the first, whose payload is cut", 0, first.subarray(0, 515)],
    ["the second, whose payload is cut", 1024, concat(first, first.subarray(0, 515))],
    ["its long name, where there is one", 1024, concat(first, long, first.subarray(0, 515))],
    ["one of more than 2^53 bytes", 1024, concat(first, tarEntry({ size: base256(2n ** 62n, 12) }, "x"))],
    ["one whose header is cut", 1024, concat(first, first.subarray(0, 100))],
    ["one whose header is cut behind its long name", 1024, concat(first, long, first.subarray(0, 100))],
    ["one whose long name is cut", 1024, concat(first, long.subarray(0, 700))],
    ["one that is no header", 2048, concat(first, first, new Uint8Array(512).fill(1))],
    ["the first block of zeros of an end that is cut", 1024, concat(first, new Uint8Array(600))],
  ])("%s", ([, at, bytes]) => {
    for (const step of [bytes.length, 100]) {
      const parser = new TarParser(() => {});
      for (let from = 0; from < bytes.length; from += step) parser.push(bytes.subarray(from, from + step));
      parser.finish();
      expect(parser.error?.message).toContain(`(the entry at byte ${at} of the tar stream`);
    }
  });
});
