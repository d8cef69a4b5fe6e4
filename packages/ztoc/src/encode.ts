import { byteStringOf, type ByteString, type Digest } from "@socikit/oci";
import { MAX_ZTOC_SIZE } from "./decode.ts";
import { asciiText, writeEntry } from "./entry-table.ts";
import { ZtocError } from "./errors.ts";
import { FlatbufferBuilder } from "./flatbuffer-builder.ts";
import type { CompressionAlgorithm, TocEntry, Ztoc } from "./ztoc.ts";

/** What is written of a zTOC. */
export interface ZtocFields {
  readonly version: string;
  readonly buildToolIdentifier: string;
  readonly compressedArchiveSize: number;
  readonly uncompressedArchiveSize: number;
  /** Entries, written from the last to the first: `write` returns where the entry's table is. */
  readonly toc: { readonly length: number; write(builder: FlatbufferBuilder, entry: number): number };
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
    toc: { length: ztoc.toc.length, write: (builder, i) => writeEntry(builder, entryOf(ztoc.toc, i)) },
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
  const capacity = ztocSizeBound(entriesSize, ztoc.zinfoSize, ztoc.spanDigests.length);
  if (capacity - entriesSize > MAX_ZTOC_SIZE) throw tooLarge();
  const builder = new FlatbufferBuilder(Math.min(capacity, MAX_ZTOC_SIZE));

  const version = builder.string(utf8(ztoc.version));
  const buildToolIdentifier = builder.string(utf8(ztoc.buildToolIdentifier));
  const entries = new Uint32Array(ztoc.toc.length);
  for (let i = ztoc.toc.length - 1; i >= 0; i--) {
    entries[i] = ztoc.toc.write(builder, i);
    if (entries[i]! > MAX_ZTOC_SIZE) throw tooLarge();
  }
  const metadata = builder.offsetVector(entries);
  builder.startTable(1);
  builder.addOffset(0, metadata);
  const toc = builder.endTable();

  const checkpoints = builder.byteVector(ztoc.zinfoSize, ztoc.writeZinfo);
  const digests = builder.offsetVector(ztoc.spanDigests.map((digest) => builder.string(asciiText(digest))));
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

/** Most bytes of a zTOC: of its entries, its zinfo and the digests of its spans, and of what is always there. */
export function ztocSizeBound(entriesSize: number, zinfoSize: number, spans: number): number {
  return 512 + entriesSize + zinfoSize + 88 * spans;
}

function entryOf(toc: { at(entry: number): TocEntry | undefined }, index: number): TocEntry {
  const entry = toc.at(index);
  if (entry === undefined) throw new RangeError(`Cannot encode zTOC: it has no entry ${index}`);
  return entry;
}

function utf8(text: string): ByteString {
  return byteStringOf(new TextEncoder().encode(text));
}

function tooLarge(): ZtocError {
  return new ZtocError(
    "ERR_ZTOC_TOO_LARGE",
    "Cannot encode zTOC: cannot marshal Ztoc to flatbuffers: it would exceed 1 GiB",
  );
}
