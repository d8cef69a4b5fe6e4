import { ZtocError } from "./errors.ts";

/** Bytes of output before a checkpoint that decoding from it needs: DEFLATE's window. */
export const WINDOW_SIZE = 32768;
/** A serialized checkpoint: two 64-bit offsets, the bits, the window. */
export const CHECKPOINT_SIZE: number = 8 + 8 + 1 + WINDOW_SIZE;
/** Count and span size. */
const HEADER_SIZE = 12;

/** A place in a gzip stream where decompression can begin. */
export interface Checkpoint {
  /** Compressed bytes before it, a partly used byte counted. */
  readonly compressedOffset: number;
  /** Uncompressed bytes before it, over all members. */
  readonly uncompressedOffset: number;
  /** High bits of byte `compressedOffset - 1` that belong to what follows: 0 to 7. */
  readonly bits: number;
  /** The 32,768 bytes of output before it, oldest first, zeros in front where there were fewer (spec section 3.3). */
  readonly window: Uint8Array;
}

/** Checkpoints in order. An array of checkpoints is one; a decoded zinfo makes the objects when they are asked for. */
export interface Checkpoints extends Iterable<Checkpoint> {
  /** Number of checkpoints. */
  readonly length: number;
  /** The checkpoint that begins that span. `undefined` where there is none. */
  at(spanId: number): Checkpoint | undefined;
}

/** The checkpoints of a gzip layer. */
export interface Zinfo {
  /** 1 stores no checkpoint 0 and takes it to lie after a header of 10 bytes; 2 stores them all, and is what is written today. */
  readonly version: 1 | 2;
  /** Distance that was asked for between checkpoints, in uncompressed bytes. */
  readonly spanSize: number;
  /** One for each span. */
  readonly checkpoints: Checkpoints;
}

/**
 * Decodes the zinfo of a gzip layer (spec section 3.6). Windows are views of `bytes`, which is kept: 256 KiB spans of a
 * layer of 5 GB are 20,000 windows.
 *
 * @throws {ZtocError} `ERR_ZTOC_EMPTY_ZINFO` for no bytes, `ERR_ZTOC_INVALID_ZINFO` if the length fits neither version,
 * `ERR_ZTOC_INVALID_CHECKPOINT` if checkpoints go backwards or have more than 7 bits.
 */
export function decodeZinfo(bytes: Uint8Array): Zinfo {
  if (bytes.length === 0) throw new ZtocError("ERR_ZTOC_EMPTY_ZINFO", "Cannot decode zinfo: empty checkpoints");
  if (bytes.length < HEADER_SIZE) throw invalid(`${bytes.length} bytes are shorter than its header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getInt32(0, true);
  const spanSize = int64(view, 4);
  if (count < 1) throw invalid(`it claims ${count} checkpoints`);
  const stored = (bytes.length - HEADER_SIZE) / CHECKPOINT_SIZE;
  if (stored !== count && stored !== count - 1)
    throw invalid(`${bytes.length} bytes do not hold ${count} checkpoints, with or without the first`);
  if (!Number.isSafeInteger(spanSize) || spanSize < 0) throw invalid(`it claims a span size of ${spanSize}`);
  const checkpoints = new StoredCheckpoints(bytes, view, count, count - stored);
  checkpoints.check();
  return { version: stored === count ? 2 : 1, spanSize, checkpoints };
}

/**
 * Encodes in the version that the zinfo has, so that version 1 round-trips.
 *
 * @throws {RangeError} if there is no checkpoint, or a window has another length than 32,768.
 */
export function encodeZinfo(zinfo: Zinfo): Uint8Array {
  if (zinfo.checkpoints.length < 1) throw new RangeError("Cannot encode zinfo: it has no checkpoint");
  const bytes = new Uint8Array(zinfoSize(zinfo.version, zinfo.checkpoints.length));
  let at = writeZinfoHeader(bytes, zinfo.checkpoints.length, zinfo.spanSize);
  let skip = zinfo.version === 1 ? 1 : 0;
  for (const checkpoint of zinfo.checkpoints) {
    if (skip-- > 0) continue;
    writeCheckpoint(bytes, at, checkpoint);
    at += CHECKPOINT_SIZE;
  }
  return bytes;
}

/** Size of a zinfo of that many checkpoints, in bytes. */
export function zinfoSize(version: 1 | 2, count: number): number {
  return HEADER_SIZE + CHECKPOINT_SIZE * (count - (version === 1 ? 1 : 0));
}

/** Writes what comes before the checkpoints. Returns where they begin. */
export function writeZinfoHeader(target: Uint8Array, count: number, spanSize: number): number {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  view.setInt32(0, count, true);
  view.setBigInt64(4, BigInt(spanSize), true);
  return HEADER_SIZE;
}

/** Writes a checkpoint: {@linkcode CHECKPOINT_SIZE} bytes from `at` on. */
export function writeCheckpoint(target: Uint8Array, at: number, checkpoint: Checkpoint): void {
  const { compressedOffset, uncompressedOffset, bits, window } = checkpoint;
  if (window.length !== WINDOW_SIZE)
    throw new RangeError(`Cannot encode zinfo: a window has ${window.length} bytes, not ${WINDOW_SIZE}`);
  const view = new DataView(target.buffer, target.byteOffset + at, CHECKPOINT_SIZE);
  view.setBigInt64(0, BigInt(compressedOffset), true);
  view.setBigInt64(8, BigInt(uncompressedOffset), true);
  view.setUint8(16, bits);
  target.set(window, at + 17);
}

/** Reads what {@linkcode writeCheckpoint} wrote. The window is a view. */
export function readCheckpoint(bytes: Uint8Array, at: number): Checkpoint {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, CHECKPOINT_SIZE);
  return {
    compressedOffset: int64(view, 0),
    uncompressedOffset: int64(view, 8),
    bits: view.getUint8(16),
    window: bytes.subarray(at + 17, at + CHECKPOINT_SIZE),
  };
}

/** Checkpoints where the zinfo has them. `missing` is 1 where the first is not stored. */
class StoredCheckpoints implements Checkpoints {
  readonly length: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #missing: number;

  constructor(bytes: Uint8Array, view: DataView, count: number, missing: number) {
    this.#bytes = bytes;
    this.#view = view;
    this.length = count;
    this.#missing = missing;
  }

  at(spanId: number): Checkpoint | undefined {
    if (!Number.isInteger(spanId) || spanId < 0 || spanId >= this.length) return undefined;
    // Version 1 takes a gzip header to be 10 bytes, which is wrong for one with a name; the digests will tell.
    if (spanId < this.#missing)
      return { compressedOffset: 10, uncompressedOffset: 0, bits: 0, window: new Uint8Array(WINDOW_SIZE) };
    return readCheckpoint(this.#bytes, HEADER_SIZE + (spanId - this.#missing) * CHECKPOINT_SIZE);
  }

  *[Symbol.iterator](): Iterator<Checkpoint> {
    for (let spanId = 0; spanId < this.length; spanId++) yield this.at(spanId)!;
  }

  /** Offsets must not descend. Equal ones stay: the reference writes them for streams that begin with empty blocks. */
  check(): void {
    let compressed = this.#missing === 1 ? 10 : 0;
    let uncompressed = 0;
    for (let spanId = this.#missing; spanId < this.length; spanId++) {
      const at = HEADER_SIZE + (spanId - this.#missing) * CHECKPOINT_SIZE;
      const nextCompressed = int64(this.#view, at);
      const nextUncompressed = int64(this.#view, at + 8);
      const bits = this.#view.getUint8(at + 16);
      if (!Number.isSafeInteger(nextCompressed) || !Number.isSafeInteger(nextUncompressed))
        throw invalidCheckpoint(spanId, "has an offset beyond 2^53");
      if (nextCompressed < compressed || nextUncompressed < uncompressed)
        throw invalidCheckpoint(spanId, `lies at ${nextCompressed} and ${nextUncompressed}, before the one before it`);
      if (bits > 7) throw invalidCheckpoint(spanId, `has ${bits} bits of a byte`);
      if (bits > 0 && nextCompressed === 0) throw invalidCheckpoint(spanId, "has bits of a byte before the first");
      compressed = nextCompressed;
      uncompressed = nextUncompressed;
    }
  }
}

/** A 64-bit number to the nearest double. */
function int64(view: DataView, at: number): number {
  return view.getInt32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
}

function invalid(found: string): ZtocError {
  return new ZtocError("ERR_ZTOC_INVALID_ZINFO", `Cannot decode zinfo: ${found}`);
}

function invalidCheckpoint(spanId: number, found: string): ZtocError {
  return new ZtocError("ERR_ZTOC_INVALID_CHECKPOINT", `Cannot decode zinfo: checkpoint ${spanId} ${found}`);
}
