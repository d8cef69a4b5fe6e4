import { describe, expect, test } from "vitest";
import { compareTarHeader } from "./compare-tar-header.ts";
import { bytesText, sampleEntry } from "./testing/sample-ztoc.ts";
import { base256, concat, paxHeader, tarEntry, tarHeader } from "./testing/tar-writer.ts";
import { xattrsOf } from "./xattrs.ts";
import type { TocEntry } from "./ztoc.ts";

const header = concat(
  paxHeader([
    ["SCHILY.xattr.user.a", "\0\xff"],
    ["comment", "not compared"],
  ]),
  tarHeader({ name: "file", size: 5, uid: "0000007\0", uname: "u" }),
);
const entry = sampleEntry({
  uncompressedSize: 5,
  uid: 7,
  modTime: "2023-11-25T01:54:40Z",
  paxRecords: new Map([[bytesText("SCHILY.xattr.user.a"), bytesText("\0\xff")]]),
});

describe("compareTarHeader()", () => {
  test("finds nothing where the header is the entry's", () => {
    expect(compareTarHeader(entry, header)).toBeUndefined();
  });

  test.each<readonly [string, Partial<TocEntry>]>([
    ["a time in another zone", { modTime: "2023-11-25T07:24:40+05:30" }],
    ["another user name: the reference does not look at it", { uname: bytesText("x") }],
  ])("takes %s", (_, fields) => {
    expect(compareTarHeader({ ...entry, ...fields }, header)).toBeUndefined();
  });

  test.each<readonly [string, Partial<TocEntry>]>([
    ["name", { name: bytesText("fil\xe9") }],
    ["type", { type: "dir" }],
    ["link target", { linkname: bytesText("t") }],
    ["size", { uncompressedSize: 6 }],
    ["mode", { mode: 0o755 }],
    ["owner", { uid: 8 }],
    ["group", { gid: 8 }],
    ["major device number", { devmajor: 1 }],
    ["minor device number", { devminor: 1 }],
    ["time", { modTime: "2023-11-25T01:54:40.5Z" }],
    ["time", { modTime: "" }],
    ["extended attribute", { paxRecords: new Map() }],
    ["extended attribute", { paxRecords: new Map([[bytesText("SCHILY.xattr.user.a"), bytesText("x")]]) }],
  ])("says that its %s differs", (what, fields) => {
    expect(compareTarHeader({ ...entry, ...fields }, header)).toContain(what);
  });

  test.each([
    ["there is no complete header", header.subarray(0, header.length - 1)],
    ["has 1536 bytes, not 1537", concat(header, new Uint8Array(1))],
    ["invalid tar header", tarEntry({ checksum: "0" })],
    ["there is no complete header", new Uint8Array(0)],
    ["there is no complete header", new Uint8Array(1024)],
  ])("says that %s", (what, bytes) => {
    expect(compareTarHeader(entry, bytes)).toContain(what);
  });

  test("compares owners modulo 2^32, and times that no zTOC can hold", () => {
    const wide = tarHeader({ uid: base256(2n ** 32n + 7n, 8), mtime: base256(2n ** 40n, 12) });
    expect(compareTarHeader(sampleEntry({ uid: 7, modTime: "" }), wide)).toBeUndefined();
  });
});

test("xattrsOf() gives the SCHILY records only, without their prefix", () => {
  const records = new Map([
    [bytesText("SCHILY.xattr.security.capability"), bytesText("\x01\0")],
    [bytesText("LIBARCHIVE.xattr.user.b"), bytesText("x")],
    [bytesText("path"), bytesText("p")],
  ]);
  expect(xattrsOf({ paxRecords: records })).toEqual(new Map([["security.capability", "\x01\0"]]));
});
