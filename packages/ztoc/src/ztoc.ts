import type { ByteString, Digest } from "@socikit/oci";

/** How a layer is compressed, in the words of a zTOC. */
export type CompressionAlgorithm = "gzip" | "uncompressed";

/** Table of contents and checkpoints of one layer (SOCI zTOC 0.9). Immutable. */
export interface Ztoc {
  /** Format version; the reference writes `0.9`. */
  readonly version: string;
  /** Name of the tool that built it. */
  readonly buildToolIdentifier: string;
  /** Size of the layer blob, in bytes. */
  readonly compressedArchiveSize: number;
  /** Bytes of the tar stream up to the end of its end marker: padding after it is not counted (spec section 6.7). */
  readonly uncompressedArchiveSize: number;
  /** The layer's entries, in tar order. */
  readonly toc: TableOfContents;
  /** How the layer divides into spans. */
  readonly compression: CompressionInfo;
}

/** How a layer divides into spans. */
export interface CompressionInfo {
  /** How the layer is compressed. */
  readonly algorithm: CompressionAlgorithm;
  /** Number of spans minus one; −1 for an empty plain tar. */
  readonly maxSpanId: number;
  /** Digest of each span's compressed bytes, indexed by span ID. */
  readonly spanDigests: readonly Digest[];
  /** The serialized zinfo, as stored: see `decodeZinfo` for gzip, `decodeTarZinfo` for plain tar. */
  readonly zinfo: Uint8Array;
}

/** Entries of a layer. A decoded zTOC keeps them as bytes and makes each object when it is asked for. */
export interface TableOfContents extends Iterable<TocEntry> {
  /** Number of entries. */
  readonly length: number;
  /**
   * The entry with that index, counted from 0 in the order stored.
   *
   * @throws {RangeError} where there is none.
   */
  at(entry: number): TocEntry;
}

/** Types of entries that a zTOC can hold. */
export const ENTRY_TYPES = ["reg", "dir", "symlink", "hardlink", "char", "block", "fifo"] as const;

/** One of {@linkcode ENTRY_TYPES}. */
export type EntryType = (typeof ENTRY_TYPES)[number];

/** One tar entry, as the archive has it: names are not cleaned, numbers not limited to what makes sense. */
export interface TocEntry {
  /** Path in the archive, its bytes unchanged. */
  readonly name: ByteString;
  /** What the entry is. */
  readonly type: EntryType;
  /**
   * Where the entry's first header block begins in the uncompressed stream. A zTOC does not store it: it is the end of
   * the entry before, rounded up to 512, links and devices having no content. It may lie past `uncompressedOffset`
   * where the zTOC contradicts itself (after a sparse file); such an entry cannot be verified.
   */
  readonly headerOffset: number;
  /** Where the entry's content begins in the uncompressed stream. */
  readonly uncompressedOffset: number;
  /** Size as the header has it. Only `reg` entries have content, yet links may have a size; a sparse file's is its logical size. */
  readonly uncompressedSize: number;
  /** Target of a `symlink` or `hardlink`. */
  readonly linkname: ByteString;
  /** Permissions, and whatever else the header's mode field holds. */
  readonly mode: number;
  /** Owner, modulo 2^32. */
  readonly uid: number;
  /** Group, modulo 2^32. */
  readonly gid: number;
  /** Owner's name. */
  readonly uname: ByteString;
  /** Group's name. */
  readonly gname: ByteString;
  /** RFC 3339, kept as text: it carries nanoseconds, which `Date` would drop. Empty for years past 9999. */
  readonly modTime: string;
  /** Major number of a device. */
  readonly devmajor: number;
  /** Minor number of a device. */
  readonly devminor: number;
  /** All PAX records of the entry, not only extended attributes: see `xattrsOf` for those. */
  readonly paxRecords: ReadonlyMap<ByteString, ByteString>;
}
