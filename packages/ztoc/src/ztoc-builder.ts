import type { BlockBoundary, MemberStart } from "@socikit/inflate";
import { digestOf, toDisplay, type Digest } from "@socikit/oci";
import type { BuildWarning, BuildWarningCode } from "./build-warning.ts";
import { CheckpointLog } from "./checkpoint-log.ts";
import { MAX_ZTOC_SIZE } from "./decode.ts";
import { writeZtoc, ztocSizeBound } from "./encode.ts";
import { EntryLog } from "./entry-log.ts";
import { ZtocError } from "./errors.ts";
import type { LayerConsumer } from "./layer-scan.ts";
import { MemberCheck } from "./member-check.ts";
import { formatModTime } from "./mod-time.ts";
import { SpanHasher } from "./span-hasher.ts";
import type { Int64 } from "./tar-number.ts";
import { TarParser, type TarEntry } from "./tar-parser.ts";
import { encodeTarZinfo } from "./tar-zinfo.ts";
import { needsXattrs } from "./xattrs.ts";
import { ztocBuild, type ZtocBuild } from "./ztoc-build.ts";
import type { CompressionAlgorithm } from "./ztoc.ts";

/** Span size that the reference uses, in uncompressed bytes. */
export const DEFAULT_SPAN_SIZE: number = 4 * 2 ** 20;
/** The reference's name of itself, which is part of the bytes. */
export const DEFAULT_BUILD_TOOL_IDENTIFIER = "AWS SOCI CLI v0.2";

/** A crafted layer can earn a warning for every entry; this many are kept. */
const MAX_WARNINGS = 1000;

/** Options for {@linkcode ZtocBuilder}. */
export interface ZtocBuilderOptions {
  /** How the layer is compressed. Layers of unknown compression are plain tar. */
  readonly compression: CompressionAlgorithm;
  /** Least distance between checkpoints, in uncompressed bytes; of a plain tar, the size of its spans. @default {4_194_304} */
  readonly spanSize?: number | undefined;
  /** Stored in the zTOC. @default {"AWS SOCI CLI v0.2"} */
  readonly buildToolIdentifier?: string | undefined;
  /** Bytes at which a zTOC is given up, while it is built. The reference's builder stops there too. @default {1_073_741_824} */
  readonly maxZtocBytes?: number | undefined;
}

/**
 * Builds a zTOC in one pass: a consumer of a {@linkcode LayerScan}, without I/O. Memory: some 100 bytes an entry, 32 KiB a
 * span; {@linkcode result} lets go of both while it writes.
 *
 * The reference makes two passes, zlib's and then Go's, and reports the first error of the first pass that fails. So an
 * error of the tar stream waits until the compression has been seen to be sound, and is thrown by `result`.
 */
export class ZtocBuilder implements LayerConsumer {
  readonly #compression: CompressionAlgorithm;
  readonly #spanSize: number;
  readonly #buildToolIdentifier: string;
  readonly #maxZtocBytes: number;
  readonly #tar: TarParser;
  readonly #entries: EntryLog = new EntryLog();
  readonly #spans: SpanHasher = new SpanHasher();
  readonly #checkpoints: CheckpointLog = new CheckpointLog();
  readonly #members: MemberCheck = new MemberCheck();
  readonly #warnings: BuildWarning[] = [];
  #compressedSize = 0;
  #uncompressedSize = 0;
  #needsXattrs = false;
  /** Whether Go's reader would come to a member that it refuses. */
  #meetsBadMember = false;
  /** Entries alone make the zTOC too large. No more are kept, but the layer is read on: its own errors come first. */
  #hasTooMany = false;
  #hasEnded = false;
  /** Where the reference, reading the zTOC back, takes the next entry's header to begin; past an entry, it gives up. */
  #readBackOffset = 0n;
  #readBackFailed = false;

  /**
   * @throws {RangeError} for a span size that is not an integer from 0 to 2^53 − 1.
   * @throws {ZtocError} `ERR_ZTOC_SPAN_SIZE` for spans of 0 bytes of a plain tar.
   */
  constructor(options: ZtocBuilderOptions) {
    const spanSize = options.spanSize ?? DEFAULT_SPAN_SIZE;
    if (!Number.isSafeInteger(spanSize) || spanSize < 0)
      throw new RangeError(`Cannot build zTOC: span size must be >= 0, and an integer, but is ${spanSize}`);
    if (spanSize === 0 && options.compression !== "gzip")
      throw new ZtocError(
        "ERR_ZTOC_SPAN_SIZE",
        "Cannot build zTOC: the span size of an uncompressed layer must be at least 1, but is 0",
      );
    this.#compression = options.compression;
    this.#spanSize = spanSize;
    this.#buildToolIdentifier = options.buildToolIdentifier ?? DEFAULT_BUILD_TOOL_IDENTIFIER;
    this.#maxZtocBytes = options.maxZtocBytes ?? MAX_ZTOC_SIZE;
    this.#tar = new TarParser((entry) => this.#addEntry(entry));
  }

  /** Most bytes that the zTOC would have if the layer ended here. What the builder holds until then is less. */
  get sizeBound(): number {
    const spans = this.#compression === "gzip" ? this.#checkpoints.length : this.#compressedSize / this.#spanSize;
    return ztocSizeBound(this.#entries.encodedSizeBound, this.#checkpoints.zinfoSize, Math.ceil(spans));
  }

  compressed(bytes: Uint8Array, at: number): void {
    this.#compressedSize = at + bytes.length;
    if (this.#compression !== "gzip") {
      const first = Math.ceil(at / this.#spanSize) * this.#spanSize;
      for (let start = first; start < this.#compressedSize; start += this.#spanSize) this.#spans.cut(start, start);
    }
    this.#spans.push(bytes);
  }

  output(bytes: Uint8Array, at: number): void {
    this.#uncompressedSize = at + bytes.length;
    this.#tar.push(bytes);
  }

  member(member: MemberStart): void {
    const fault = this.#members.push(member);
    // Go's gzip reader opens the first member before anything else, so its error comes before those of the tar stream.
    if (fault !== undefined) this.#meetsBadMember = this.#tar.interrupt(fault.comesWithData);
  }

  /** Every boundary where there is no output yet, then the first that is more than a span size after the last one taken. */
  nextBlock(): number {
    const last = this.#checkpoints.lastUncompressedOffset;
    return last === undefined || this.#uncompressedSize === 0 ? 0 : last + this.#spanSize + 1;
  }

  block(boundary: BlockBoundary, window: () => Uint8Array): void {
    const last = this.#checkpoints.lastUncompressedOffset ?? 0;
    // More than a span size, not as much as one: spec section 3.1.
    if (boundary.uncompressed !== 0 && boundary.uncompressed - last <= this.#spanSize) return;
    if (boundary.uncompressed === last && this.#checkpoints.length > 0)
      this.#warn(
        "WARN_ZTOC_EMPTY_SPAN",
        `Span ${this.#checkpoints.length - 1} is empty: the reference does not mount the layer`,
      );
    this.#checkpoints.push({
      compressedOffset: boundary.compressed,
      uncompressedOffset: boundary.uncompressed,
      bits: boundary.bits,
      window: window(),
    });
    if (this.#checkpoints.zinfoSize > this.#maxZtocBytes)
      throw this.#tooLarge(
        `${this.#checkpoints.length} checkpoints are more than ${this.#maxZtocBytes} bytes; take a larger span size`,
      );
    this.#spans.cut(boundary.compressed, boundary.compressed - (boundary.bits === 0 ? 0 : 1));
  }

  end(): void {
    this.#tar.finish();
    this.#hasEnded = true;
  }

  /**
   * Writes the zTOC. Call it once, after the scan has ended.
   *
   * @throws {ZtocError} `ERR_ZTOC_GZIP_MEMBER_UNREADABLE` where Go's gzip reader refuses what zlib accepts, the
   * `ERR_ZTOC_TAR_…` codes for a damaged tar stream or an entry that no zTOC can hold, `ERR_ZTOC_TOO_LARGE` above 1 GiB.
   */
  result(): ZtocBuild {
    if (!this.#hasEnded) throw new TypeError("Cannot build zTOC: the layer has not ended");
    const memberError = this.#meetsBadMember ? this.#members.error(this.#compressedSize) : undefined;
    if (memberError !== undefined) throw memberError;
    if (this.#tar.error !== undefined) throw this.#tar.error;
    if (this.#hasTooMany)
      throw this.#tooLarge(`the names and PAX records of its entries are more than ${this.#maxZtocBytes} bytes`);
    const spanDigests = this.#spans.finish();
    const zinfo = this.#serializedZinfo();
    const bytes = writeZtoc(
      {
        version: "0.9",
        buildToolIdentifier: this.#buildToolIdentifier,
        compressedArchiveSize: this.#compressedSize,
        uncompressedArchiveSize: this.#tar.position,
        toc: this.#entries,
        algorithm: this.#compression,
        maxSpanId: spanDigests.length - 1,
        spanDigests,
        zinfoSize: zinfo.size,
        writeZinfo: zinfo.write,
      },
      this.#entries.encodedSizeBound,
    );
    return ztocBuild({
      bytes,
      digest: digestOf(bytes),
      warnings: this.#warnings,
      needsXattrs: this.#needsXattrs,
    });
  }

  /** Checkpoints are written to their place at once: they are most of a zTOC. */
  #serializedZinfo(): { readonly size: number; readonly write: (target: Uint8Array) => void } {
    if (this.#compression === "gzip")
      return {
        size: this.#checkpoints.zinfoSize,
        write: (target) => this.#checkpoints.write(target, this.#spanSize),
      };
    const bytes = encodeTarZinfo({ version: 2, spanSize: this.#spanSize, size: this.#compressedSize });
    return { size: bytes.length, write: (target) => target.set(bytes) };
  }

  #tooLarge(what: string): ZtocError {
    return new ZtocError("ERR_ZTOC_TOO_LARGE", `Cannot build zTOC: cannot marshal Ztoc to flatbuffers: ${what}`);
  }

  #addEntry(entry: TarEntry): void {
    this.#hasTooMany ||= this.#entries.size > this.#maxZtocBytes;
    if (this.#hasTooMany) return;
    const modTime = formatModTime(entry.modTime);
    const isWide = this.#entries.push({
      name: entry.name,
      type: entry.type,
      uncompressedOffset: entry.payloadOffset,
      uncompressedSize: entry.size,
      linkname: entry.linkname,
      mode: entry.mode,
      uid: wrapUint32(entry.uid),
      gid: wrapUint32(entry.gid),
      uname: entry.uname,
      gname: entry.gname,
      modTime,
      devmajor: entry.devmajor,
      devminor: entry.devminor,
      paxRecords: entry.paxRecords,
    });
    this.#needsXattrs ||= needsXattrs(entry);
    this.#warnOfEntry(entry, modTime, isWide);
  }

  #warnOfEntry(entry: TarEntry, modTime: string, isWide: boolean): void {
    if (entry.isSparse)
      this.#warn("WARN_ZTOC_SPARSE_FILE", "is a sparse file, whose content a zTOC cannot give", entry);
    // eslint-disable-next-line eqeqeq -- 0 and 0n alike
    if (entry.type !== "reg" && entry.size != 0)
      this.#warn("WARN_ZTOC_SIZE_WITHOUT_CONTENT", `is a ${entry.type} with a size of ${entry.size}`, entry);
    if (modTime === "") this.#warn("WARN_ZTOC_NO_MOD_TIME", "has a time outside the years 0 to 9999", entry);
    if (isWide) this.#warn("WARN_ZTOC_NUMBER_OUT_OF_RANGE", "has a number beyond 2^53", entry);
    if (!this.#readBackFailed && this.#readBackOffset > BigInt(entry.payloadOffset)) {
      this.#readBackFailed = true;
      this.#warn(
        "WARN_ZTOC_INVALID_TOC_ENTRY",
        "makes the zTOC unreadable for the reference: invalid toc entry",
        entry,
      );
    }
    // The reference's arithmetic, which wraps (spec section 6.8).
    const end = BigInt.asIntN(64, BigInt(entry.payloadOffset) + BigInt(entry.size));
    this.#readBackOffset = end <= 0n ? end : BigInt.asIntN(64, ((end + 511n) / 512n) * 512n);
  }

  #warn(code: BuildWarningCode, message: string, entry?: TarEntry): void {
    if (this.#warnings.length === MAX_WARNINGS)
      this.#warnings.push({ code: "WARN_ZTOC_MORE", message: "There are more warnings than these" });
    if (this.#warnings.length > MAX_WARNINGS) return;
    if (entry === undefined) {
      this.#warnings.push({ code, message });
    } else {
      const index = this.#entries.length - 1;
      this.#warnings.push({
        code,
        message: `Entry ${index} ("${toDisplay(entry.name)}") ${message}`,
        entry: { index, name: entry.name },
      });
    }
  }
}

function wrapUint32(value: Int64): number {
  return typeof value === "bigint" ? Number(BigInt.asUintN(32, value)) : value >>> 0;
}
