import { describe, expect, test } from "vitest";
import { decodeZtoc } from "./decode.ts";
import { encodeZtoc } from "./encode.ts";
import { inspectZtoc, ZTOC_FINDING_CODES } from "./inspect-ztoc.ts";
import { bytesText, gzipZtoc, sampleCheckpoint, sampleEntry, tarZtoc } from "./testing/sample-ztoc.ts";
import type { TocEntry, Ztoc } from "./ztoc.ts";

/** Findings after a round trip, which sets header offsets: what they are, and how bad. */
function inspect(ztoc: Ztoc): readonly string[] {
  return Array.from(inspectZtoc(decodeZtoc(encodeZtoc(ztoc))), ({ code, severity, entry, spanId }) =>
    [code.slice("ODD_ZTOC_".length), severity, entry?.index ?? spanId ?? ""].join(" ").trim(),
  );
}

const file = (uncompressedOffset: number, uncompressedSize = 0, fields: Partial<TocEntry> = {}): TocEntry =>
  sampleEntry({ uncompressedOffset, uncompressedSize, ...fields });

describe("inspectZtoc() of entries", () => {
  test.each<readonly [string, readonly TocEntry[], readonly string[]]>([
    ["sound ones", [file(512, 600), file(2048, 1)], []],
    ["an end at the archive's", [file(512, 100_000 - 512)], []],
    ["an end past the archive's", [file(512, 100_000 - 511)], ["ENTRY_OUTSIDE_ARCHIVE error 0"]],
    [
      "a link past the end",
      [file(512, 0), file(200_192, 9, { type: "symlink" })],
      ["ENTRY_OUTSIDE_ARCHIVE error 1", "SIZE_WITHOUT_CONTENT warning 1"],
    ],
    [
      "no room for a header",
      [file(0), file(512, 600), file(1024)],
      ["ENTRY_WITHOUT_HEADER error 0", "ENTRY_WITHOUT_HEADER error 2"],
    ],
    ["content inside a block", [file(700)], ["ENTRY_NOT_AT_BLOCK error 0"]],
    ["a negative size", [file(512, -1)], ["ENTRY_NEGATIVE_SIZE error 0"]],
    ["a hard link with a size", [file(512, 5, { type: "hardlink" })], ["SIZE_WITHOUT_CONTENT warning 0"]],
    ["another order", [file(2048), file(512)], ["ENTRY_OUT_OF_ORDER warning 1"]],
    [
      "a sparse file",
      [file(512, 5, { paxRecords: new Map([[bytesText("GNU.sparse.map"), bytesText("0,1")]]) })],
      ["SPARSE_FILE error 0"],
    ],
    [
      "records of another kind",
      [file(512, 5, { paxRecords: new Map([[bytesText("SCHILY.xattr.a"), bytesText("b")]]) })],
      [],
    ],
    ["no name", [file(512, 0, { name: bytesText("") })], ["NO_NAME warning 0"]],
    ["no time", [file(512, 0, { modTime: "" })], ["MOD_TIME warning 0"]],
    ["a time that is none", [file(512, 0, { modTime: "yesterday" })], ["MOD_TIME warning 0"]],
  ])("%s", (_, entries, findings) => {
    expect(inspect(gzipZtoc(entries))).toEqual(findings);
  });
});

describe("inspectZtoc() of spans", () => {
  const at = (compressedOffset: number, uncompressedOffset: number): ReturnType<typeof sampleCheckpoint> =>
    sampleCheckpoint({ compressedOffset, uncompressedOffset });
  test.each([
    ["sound ones", gzipZtoc([], [at(10, 0), at(500, 50_000)]), []],
    ["two at one place", gzipZtoc([], [at(10, 0), at(15, 0), at(500, 50_000)]), ["EMPTY_SPAN warning 0"]],
    [
      "one behind the layer",
      gzipZtoc([], [at(10, 0), at(1001, 50_000)]),
      ["SPAN_OUTSIDE_LAYER error 0", "SPAN_OUTSIDE_LAYER error 1"],
    ],
    [
      "one that is too large",
      { ...gzipZtoc([], [at(10, 0)]), uncompressedArchiveSize: 990 * 1032 + 65_537 },
      ["SPAN_TOO_LARGE error 0"],
    ],
    ["one at the limit", { ...gzipZtoc([], [at(10, 0)]), uncompressedArchiveSize: 990 * 1032 + 65_536 }, []],
    ["a last one behind the archive", gzipZtoc([], [at(10, 0), at(500, 100_000)]), []],
    ["a plain tar", tarZtoc(10_000, 512), []],
    ["a plain tar that claims more", tarZtoc(10_000, 4096, 20_000), ["SPAN_TOO_LARGE error 2"]],
    ["another version", { ...gzipZtoc(), version: "1.0" }, ["VERSION warning"]],
  ] as const)("%s", (_, ztoc, findings) => {
    expect(inspect(ztoc)).toEqual(findings);
  });

  test("names each code once", () => {
    expect(new Set(ZTOC_FINDING_CODES).size).toBe(ZTOC_FINDING_CODES.length);
  });
});
