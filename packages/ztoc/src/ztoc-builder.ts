import type { BlockBoundary, MemberStart } from "@socikit/inflate";
import { digestOf, toDisplay } from "@socikit/oci";
import { BUILD_WARNING_CODES, type BuildWarning, type BuildWarningCode } from "./build-warning.ts";
import { checkCompression } from "./check-compression.ts";
import { CheckpointLog } from "./checkpoint-log.ts";
import { MAX_ZTOC_SIZE } from "./decode.ts";
import { writeZtoc, ztocSizeBound } from "./encode.ts";
import { EntryLog } from "./entry-log.ts";
import { ZtocError } from "./errors.ts";
import { kindOf } from "./kind-of.ts";
import type { LayerConsumer } from "./layer-scan.ts";
import { MemberCheck } from "./member-check.ts";
import { formatModTime, type TarTime } from "./mod-time.ts";
import type { SaveableDigesters } from "./saveable-digester.ts";
import { SpanHasher } from "./span-hasher.ts";
import type { StateReader } from "./state-reader.ts";
import type { StateWriter } from "./state-writer.ts";
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
  /** How the layer is compressed. The reference takes layers of unknown compression for plain tar; here the caller says so. */
  readonly compression: CompressionAlgorithm;
  /** Least distance between checkpoints, in uncompressed bytes; of a plain tar, the size of its spans. @default {4_194_304} */
  readonly spanSize?: number | undefined;
  /** Stored in the zTOC. @default {"AWS SOCI CLI v0.2"} */
  readonly buildToolIdentifier?: string | undefined;
  /**
   * Most bytes of the zTOC. A build that must exceed them ends at once with `ERR_ZTOC_TOO_LARGE`: give fewer for layers of
   * somebody else, one of which can make a thousand times its bytes. The reference's builder stops at the default.
   *
   * @default {1_073_741_824}
   */
  readonly maxZtocBytes?: number | undefined;
}

/** How much there is of what a builder only adds to. */
export interface BuilderMarks {
  readonly entries: number;
  readonly checkpoints: number;
  readonly spans: number;
  readonly warnings: number;
}

/** What ResumableBuild does with a builder, beside what everybody may. Its fields are its own. */
export interface BuilderState {
  /** Has span digests made by hashes that can be saved. Before anything is pushed. */
  useDigesters(builder: ZtocBuilder, digesters: SaveableDigesters): void;
  marks(builder: ZtocBuilder): BuilderMarks;
  /** Saves what was added since: entries, checkpoints, digests of spans, warnings. */
  saveAdded(builder: ZtocBuilder, state: StateWriter, since: BuilderMarks): void;
  /** Saves the rest: what the next save replaces. */
  save(builder: ZtocBuilder, state: StateWriter): void;
  /** Throws a ZtocError `ERR_ZTOC_STATE_MALFORMED`, as `restore` does. */
  restoreAdded(builder: ZtocBuilder, state: StateReader): void;
  restore(builder: ZtocBuilder, state: StateReader): void;
  /** Bytes of the layer and of the tar stream that it has seen. */
  sizes(builder: ZtocBuilder): { readonly compressed: number; readonly uncompressed: number };
}

/** Set by the class. */
export let builderState: BuilderState;

/**
 * Builds a zTOC in one pass: a consumer of a {@linkcode LayerScan}, without I/O. Memory: some 160 bytes an entry, 32 KiB a
 * span; {@linkcode result} lets go of both while it writes.
 *
 * The reference makes two passes, zlib's and then Go's, and reports the first error of the first pass that fails. So an
 * error of the tar stream waits until the compression has been seen to be sound, and is thrown by `result`. A zTOC that must be
 * too large is an error at once.
 */
export class ZtocBuilder implements LayerConsumer {
  readonly #compression: CompressionAlgorithm;
  readonly #spanSize: number;
  readonly #buildToolIdentifier: string;
  readonly #maxZtocBytes: number;
  readonly #tar: TarParser;
  readonly #entries: EntryLog = new EntryLog();
  #spans: SpanHasher = new SpanHasher();
  readonly #checkpoints: CheckpointLog = new CheckpointLog();
  readonly #members: MemberCheck = new MemberCheck();
  readonly #warnings: BuildWarning[] = [];
  #compressedSize = 0;
  #uncompressedSize = 0;
  #needsXattrs = false;
  /** Whether Go's reader would come to a member that it refuses. */
  #meetsBadMember = false;
  #hasEnded = false;
  /** The time of the entry before, and how it is written. */
  #timeBefore: TarTime = { seconds: 0, nanoseconds: 0 };
  #modTimeBefore: string = formatModTime(this.#timeBefore);
  /** Where the reference, reading the zTOC back, takes the next entry's header to begin; past an entry, it gives up. */
  #readBackOffset: Int64 = 0;
  #readBackFailed = false;

  static {
    builderState = {
      useDigesters: (builder, digesters) => void (builder.#spans = new SpanHasher(digesters)),
      marks: (builder) => builder.#marks,
      saveAdded: (builder, state, since) => builder.#saveAdded(state, since),
      save: (builder, state) => builder.#save(state),
      restoreAdded: (builder, state) => builder.#restoreAdded(state),
      restore: (builder, state) => builder.#restore(state),
      sizes: (builder) => ({ compressed: builder.#compressedSize, uncompressed: builder.#uncompressedSize }),
    };
  }

  /**
   * @throws {RangeError} for a span size or a limit that is not an integer from 0 to 2^53 − 1.
   * @throws {TypeError} for another compression than there is, and a tool's name that is no string.
   * @throws {ZtocError} `ERR_ZTOC_SPAN_SIZE` for spans of 0 bytes of a plain tar.
   */
  constructor(options: ZtocBuilderOptions) {
    checkCompression(options.compression);
    const spanSize = options.spanSize ?? DEFAULT_SPAN_SIZE;
    if (!Number.isSafeInteger(spanSize) || spanSize < 0)
      throw new RangeError(`Cannot build zTOC: span size must be >= 0, and an integer, but is ${spanSize}`);
    if (spanSize === 0 && options.compression !== "gzip")
      throw new ZtocError(
        "ERR_ZTOC_SPAN_SIZE",
        "Cannot build zTOC: the span size of an uncompressed layer must be at least 1, but is 0",
      );
    const maxZtocBytes = options.maxZtocBytes ?? MAX_ZTOC_SIZE;
    if (!Number.isSafeInteger(maxZtocBytes) || maxZtocBytes < 0)
      throw new RangeError(`Cannot build zTOC: maxZtocBytes must be >= 0, and an integer, but is ${maxZtocBytes}`);
    const buildToolIdentifier = options.buildToolIdentifier ?? DEFAULT_BUILD_TOOL_IDENTIFIER;
    if (typeof buildToolIdentifier !== "string")
      throw new TypeError(
        `Cannot build zTOC: the build tool's name must be a string, but is ${kindOf(buildToolIdentifier)}`,
      );
    this.#compression = options.compression;
    this.#spanSize = spanSize;
    this.#buildToolIdentifier = buildToolIdentifier;
    this.#maxZtocBytes = maxZtocBytes;
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
    this.#checkLeastSize();
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
   * `ERR_ZTOC_TAR_…` codes for a damaged tar stream or an entry that no zTOC can hold, `ERR_ZTOC_TOO_LARGE` above the limit.
   */
  result(): ZtocBuild {
    if (!this.#hasEnded) throw new TypeError("Cannot build zTOC: the layer has not ended");
    const memberError = this.#meetsBadMember ? this.#members.error(this.#compressedSize) : undefined;
    if (memberError !== undefined) throw memberError;
    if (this.#tar.error !== undefined) throw this.#tar.error;
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
    if (bytes.length > this.#maxZtocBytes)
      throw this.#tooLarge(`it has ${bytes.length} bytes, more than ${this.#maxZtocBytes}`);
    return ztocBuild({
      bytes,
      digest: digestOf(bytes),
      warnings: this.#warnings,
      needsXattrs: this.#needsXattrs,
    });
  }

  get #marks(): BuilderMarks {
    return {
      entries: this.#entries.length,
      checkpoints: this.#checkpoints.length,
      spans: this.#spans.length,
      warnings: this.#warnings.length,
    };
  }

  #saveAdded(state: StateWriter, since: BuilderMarks): void {
    this.#entries.saveAdded(state, since.entries);
    this.#checkpoints.saveAdded(state, since.checkpoints);
    this.#spans.saveAdded(state, since.spans);
    state.number(this.#warnings.length - since.warnings);
    for (const warning of this.#warnings.slice(since.warnings)) saveWarning(state, warning);
  }

  #restoreAdded(state: StateReader): void {
    this.#entries.restoreAdded(state);
    this.#checkpoints.restoreAdded(state);
    this.#spans.restoreAdded(state);
    const most = MAX_WARNINGS + 1 - this.#warnings.length;
    for (let left = state.integer(most); left > 0; left--) this.#warnings.push(restoreWarning(state));
  }

  #save(state: StateWriter): void {
    state.number(this.#compressedSize);
    state.number(this.#uncompressedSize);
    state.flag(this.#needsXattrs);
    state.flag(this.#meetsBadMember);
    state.int64(this.#readBackOffset);
    state.flag(this.#readBackFailed);
    this.#tar.save(state);
    this.#spans.save(state);
    this.#members.save(state);
  }

  #restore(state: StateReader): void {
    this.#compressedSize = state.integer();
    this.#uncompressedSize = state.integer();
    this.#needsXattrs = state.flag();
    this.#meetsBadMember = state.flag();
    this.#readBackOffset = state.int64();
    this.#readBackFailed = state.flag();
    this.#tar.restore(state);
    this.#spans.restore(state);
    this.#members.restore(state);
    const cuts =
      this.#compression === "gzip" ? this.#checkpoints.length : Math.ceil(this.#compressedSize / this.#spanSize);
    state.check(this.#spans.length === Math.max(0, cuts - 1), `it has ${this.#spans.length} digests of ${cuts} spans`);
    state.check(this.#spans.isOpen === cuts > 0, "its last span is not hashed");
    state.check(this.#spans.end === this.#compressedSize, "it has hashed another part of the layer");
    state.check(this.#tar.position <= this.#uncompressedSize, "its tar stream is longer than what came out");
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

  /**
   * Gives the build up as soon as its zTOC must be too large. What else is wrong with the layer is not found any more: the
   * reference would tell of that first, but a layer of some megabytes can keep it busy for minutes, and take gigabytes.
   */
  #checkLeastSize(): void {
    const entries = this.#entries.size;
    const checkpoints = this.#compression === "gzip" ? this.#checkpoints.zinfoSize : 0;
    if (entries + checkpoints <= this.#maxZtocBytes) return;
    const hint = checkpoints > entries ? "; take a larger span size" : "";
    throw this.#tooLarge(
      `${this.#entries.length} entries and ${this.#checkpoints.length} checkpoints are more than ${this.#maxZtocBytes} bytes${hint}`,
    );
  }

  #tooLarge(what: string): ZtocError {
    return new ZtocError("ERR_ZTOC_TOO_LARGE", `Cannot build zTOC: cannot marshal Ztoc to flatbuffers: ${what}`);
  }

  #addEntry(entry: TarEntry): void {
    const modTime = this.#formatModTime(entry.modTime);
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
    this.#checkLeastSize();
    this.#needsXattrs ||= needsXattrs(entry);
    this.#warnOfEntry(entry, modTime, isWide);
  }

  /** Entries that follow one another often have the same time. */
  #formatModTime(time: TarTime): string {
    const { seconds, nanoseconds } = this.#timeBefore;
    if (time.seconds !== seconds || time.nanoseconds !== nanoseconds) {
      this.#timeBefore = time;
      this.#modTimeBefore = formatModTime(time);
    }
    return this.#modTimeBefore;
  }

  #warnOfEntry(entry: TarEntry, modTime: string, isWide: boolean): void {
    if (entry.isSparse)
      this.#warn("WARN_ZTOC_SPARSE_FILE", "is a sparse file, whose content a zTOC cannot give", entry);
    // eslint-disable-next-line eqeqeq -- 0 and 0n alike
    if (entry.type !== "reg" && entry.size != 0)
      this.#warn("WARN_ZTOC_SIZE_WITHOUT_CONTENT", `is a ${entry.type} with a size of ${entry.size}`, entry);
    if (modTime === "") this.#warn("WARN_ZTOC_NO_MOD_TIME", "has a time outside the years 0 to 9999", entry);
    if (isWide) this.#warn("WARN_ZTOC_NUMBER_OUT_OF_RANGE", "has a number beyond 2^53", entry);
    if (!this.#readBackFailed && this.#readBackOffset > entry.payloadOffset) {
      this.#readBackFailed = true;
      this.#warn(
        "WARN_ZTOC_INVALID_TOC_ENTRY",
        "makes the zTOC unreadable for the reference: invalid toc entry",
        entry,
      );
    }
    this.#readBackOffset = nextBlock(entry.payloadOffset, entry.size);
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

function saveWarning(state: StateWriter, { code, message, entry }: BuildWarning): void {
  state.number(BUILD_WARNING_CODES.indexOf(code));
  state.text(message);
  state.flag(entry !== undefined);
  if (entry === undefined) return;
  state.number(entry.index);
  state.byteString(entry.name);
}

function restoreWarning(state: StateReader): BuildWarning {
  const code = BUILD_WARNING_CODES[state.integer(BUILD_WARNING_CODES.length - 1)]!;
  const message = state.text();
  if (!state.flag()) return { code, message };
  return { code, message, entry: { index: state.integer(), name: state.byteString() } };
}

/** Where the block behind a payload begins, by the reference's arithmetic, which wraps (spec section 6.8). */
function nextBlock(payloadOffset: number, size: Int64): Int64 {
  const end = payloadOffset + Number(size);
  if (typeof size === "number" && end >= 0 && end <= Number.MAX_SAFE_INTEGER - 511) return Math.ceil(end / 512) * 512;
  const wrapped = BigInt.asIntN(64, BigInt(payloadOffset) + BigInt(size));
  return wrapped <= 0n ? wrapped : BigInt.asIntN(64, ((wrapped + 511n) / 512n) * 512n);
}

function wrapUint32(value: Int64): number {
  return typeof value === "bigint" ? Number(BigInt.asUintN(32, value)) : value >>> 0;
}
