import { digestOf, type ByteString, type Digest } from "@socikit/oci";
import { encodeTarZinfo } from "../tar-zinfo.ts";
import { encodeZinfo, WINDOW_SIZE, type Checkpoint } from "../zinfo.ts";
import type { TableOfContents, TocEntry, Ztoc } from "../ztoc.ts";

/** Text as a ByteString: one character a byte. */
export function bytesText(text: string): ByteString {
  return text as ByteString;
}

/** An entry with defaults. */
export function sampleEntry(fields: Partial<TocEntry> = {}): TocEntry {
  return {
    name: bytesText("file"),
    type: "reg",
    headerOffset: 0,
    uncompressedOffset: 512,
    uncompressedSize: 0,
    linkname: bytesText(""),
    mode: 0o644,
    uid: 0,
    gid: 0,
    uname: bytesText(""),
    gname: bytesText(""),
    modTime: "2023-11-14T22:13:20Z",
    devmajor: 0,
    devminor: 0,
    paxRecords: new Map(),
    ...fields,
  };
}

/** Entries as a table of contents. */
export function tocOf(entries: readonly TocEntry[]): TableOfContents {
  return {
    length: entries.length,
    at(index) {
      const entry = entries[index];
      if (entry === undefined) throw new RangeError(`no entry ${index}`);
      return entry;
    },
    [Symbol.iterator]: () => entries[Symbol.iterator](),
  };
}

/** A checkpoint whose window has one byte all through. */
export function sampleCheckpoint(fields: Partial<Checkpoint> = {}): Checkpoint {
  return { compressedOffset: 10, uncompressedOffset: 0, bits: 0, window: new Uint8Array(WINDOW_SIZE), ...fields };
}

export function digests(count: number): readonly Digest[] {
  return Array.from({ length: count }, (_, i) => digestOf(new TextEncoder().encode(String(i))));
}

/** A zTOC of a gzip layer of 1,000 bytes. */
export function gzipZtoc(
  entries: readonly TocEntry[] = [],
  checkpoints: readonly Checkpoint[] = [sampleCheckpoint()],
): Ztoc {
  return {
    version: "0.9",
    buildToolIdentifier: "AWS SOCI CLI v0.2",
    compressedArchiveSize: 1000,
    uncompressedArchiveSize: 100_000,
    toc: tocOf(entries),
    compression: {
      algorithm: "gzip",
      maxSpanId: checkpoints.length - 1,
      spanDigests: digests(checkpoints.length),
      zinfo: encodeZinfo({ version: 2, spanSize: 4_194_304, checkpoints }),
    },
  };
}

/** A zTOC of a plain tar. */
export function tarZtoc(size: number, spanSize: number, archiveSize: number = size): Ztoc {
  const count = Math.ceil(size / spanSize);
  return {
    version: "0.9",
    buildToolIdentifier: "AWS SOCI CLI v0.2",
    compressedArchiveSize: size,
    uncompressedArchiveSize: archiveSize,
    toc: tocOf([]),
    compression: {
      algorithm: "uncompressed",
      maxSpanId: count - 1,
      spanDigests: digests(count),
      zinfo: encodeTarZinfo({ version: 2, spanSize, size }),
    },
  };
}
