import { byteStringOf, type ByteString, type Digest } from "@socikit/oci";
import { MAX_ZTOC_SIZE } from "./decode.ts";
import { ZtocError } from "./errors.ts";
import { FlatbufferBuilder } from "./flatbuffer-builder.ts";
import type { CompressionAlgorithm, TocEntry, Ztoc } from "./ztoc.ts";

/** What is written of an entry. Go's numbers have 64 bits; those a double cannot hold are bigints. */
export type EntryFields = Omit<TocEntry, "headerOffset" | "uncompressedSize" | "mode" | "devmajor" | "devminor"> & {
  readonly [field in "uncompressedSize" | "mode" | "devmajor" | "devminor"]: number | bigint;
};

/** What is written of a zTOC; the encoder reads entries from the last to the first. */
export interface ZtocFields {
  readonly version: string;
  readonly buildToolIdentifier: string;
  readonly compressedArchiveSize: number;
  readonly uncompressedArchiveSize: number;
  readonly toc: { readonly length: number; at(entry: number): EntryFields | undefined };
  readonly algorithm: CompressionAlgorithm;
  readonly maxSpanId: number;
  readonly spanDigests: readonly Digest[];
  /** Length of the zinfo, and what writes it into its place. */
  readonly zinfoSize: number;
  readonly writeZinfo: (target: Uint8Array) => void;
}

/**
 * Encodes a zTOC, byte for byte as the reference does: equal content has equal digests. PAX records are written in the
 * order of their keys' bytes, so `decodeZtoc` of a zTOC that the reference wrote encodes to the same bytes.
 *
 * The reference also writes what cannot be read back, and so does this: `decodeZtoc` has the last word.
 *
 * @throws {ZtocError} `ERR_ZTOC_TOO_LARGE` above 1 GiB.
 */
export function encodeZtoc(
  ztoc: Omit<Ztoc, "toc"> & { readonly toc: Pick<Ztoc["toc"], "length" | "at"> | readonly TocEntry[] },
): Uint8Array {
  const { algorithm, maxSpanId, spanDigests, zinfo } = ztoc.compression;
  return writeZtoc({
    version: ztoc.version,
    buildToolIdentifier: ztoc.buildToolIdentifier,
    compressedArchiveSize: ztoc.compressedArchiveSize,
    uncompressedArchiveSize: ztoc.uncompressedArchiveSize,
    toc: ztoc.toc,
    algorithm,
    maxSpanId,
    spanDigests,
    zinfoSize: zinfo.length,
    writeZinfo: (target) => target.set(zinfo),
  });
}

/**
 * The write order of spec section 7.3.
 *
 * @param entriesSize Most bytes that the entries take, where that is known: it spares the buffer from growing.
 */
export function writeZtoc(ztoc: ZtocFields, entriesSize: number = 256 * ztoc.toc.length): Uint8Array {
  const digestSize = 88 * ztoc.spanDigests.length;
  const capacity = 512 + entriesSize + ztoc.zinfoSize + digestSize;
  if (ztoc.zinfoSize + digestSize > MAX_ZTOC_SIZE) throw tooLarge();
  const builder = new FlatbufferBuilder(Math.min(capacity, MAX_ZTOC_SIZE));

  const version = builder.string(utf8(ztoc.version));
  const buildToolIdentifier = builder.string(utf8(ztoc.buildToolIdentifier));
  const entries = new Uint32Array(ztoc.toc.length);
  for (let i = ztoc.toc.length - 1; i >= 0; i--) {
    const entry = ztoc.toc.at(i);
    if (entry === undefined) throw new RangeError(`Cannot encode zTOC: it has no entry ${i}`);
    entries[i] = writeEntry(builder, entry);
    if (entries[i]! > MAX_ZTOC_SIZE) throw tooLarge();
  }
  const metadata = builder.offsetVector(entries);
  builder.startTable(1);
  builder.addOffset(0, metadata);
  const toc = builder.endTable();

  const checkpoints = builder.byteVector(ztoc.zinfoSize, ztoc.writeZinfo);
  const digests = builder.offsetVector(ztoc.spanDigests.map((digest) => builder.string(latin1(digest))));
  builder.startTable(4);
  builder.addInt32(1, ztoc.maxSpanId);
  builder.addOffset(2, digests);
  builder.addOffset(3, checkpoints);
  builder.addInt8(0, ztoc.algorithm === "gzip" ? 1 : 2, 1);
  const compression = builder.endTable();

  builder.startTable(6);
  builder.addOffset(0, version);
  builder.addOffset(1, buildToolIdentifier);
  builder.addOffset(4, toc);
  builder.addInt64(2, ztoc.compressedArchiveSize);
  builder.addInt64(3, ztoc.uncompressedArchiveSize);
  builder.addOffset(5, compression);
  const bytes = builder.finish(builder.endTable());
  if (bytes.length > MAX_ZTOC_SIZE) throw tooLarge();
  return bytes;
}

/** Most bytes that {@linkcode writeEntry} takes for an entry whose strings have `textLength` bytes in all, keys and values included. */
export function entrySizeBound(textLength: number, paxRecords: number): number {
  // A string: length, NUL, padding. A record: two of them, its table, its place in the vector. An entry: six strings, the
  // vector's length, the table's twelve fields with padding, its place in the vector of entries.
  return textLength + 8 * 6 + (8 * 2 + 12 + 4) * paxRecords + 4 + 112 + 4;
}

function writeEntry(builder: FlatbufferBuilder, entry: EntryFields): number {
  const name = builder.string(entry.name);
  const type = builder.string(latin1(entry.type));
  const linkname = builder.string(entry.linkname);
  const uname = builder.string(entry.uname);
  const gname = builder.string(entry.gname);
  const modTime = builder.string(latin1(entry.modTime));
  const paxRecords = builder.offsetVector(writePaxRecords(builder, entry.paxRecords));
  builder.startTable(14);
  builder.addOffset(0, name);
  builder.addOffset(1, type);
  builder.addInt64(2, entry.uncompressedOffset);
  builder.addInt64(3, entry.uncompressedSize);
  builder.addOffset(4, linkname);
  builder.addInt64(5, entry.mode);
  builder.addInt32(6, entry.uid);
  builder.addInt32(7, entry.gid);
  builder.addOffset(8, uname);
  builder.addOffset(9, gname);
  builder.addOffset(10, modTime);
  builder.addInt64(11, entry.devmajor);
  builder.addInt64(12, entry.devminor);
  builder.addOffset(13, paxRecords);
  return builder.endTable();
}

const NO_RECORDS: readonly number[] = [];

function writePaxRecords(builder: FlatbufferBuilder, records: TocEntry["paxRecords"]): readonly number[] {
  if (records.size === 0) return NO_RECORDS;
  // ByteStrings compare as their bytes do.
  return Array.from(records)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => {
      const keyAt = builder.string(key);
      const valueAt = builder.string(value);
      builder.startTable(2);
      builder.addOffset(0, keyAt);
      builder.addOffset(1, valueAt);
      return builder.endTable();
    });
}

function utf8(text: string): ByteString {
  return byteStringOf(new TextEncoder().encode(text));
}

/** Text that is ASCII by its nature is its own ByteString. */
function latin1(text: string): ByteString {
  return text as ByteString;
}

function tooLarge(): ZtocError {
  return new ZtocError(
    "ERR_ZTOC_TOO_LARGE",
    "Cannot encode zTOC: cannot marshal Ztoc to flatbuffers: it would exceed 1 GiB",
  );
}
