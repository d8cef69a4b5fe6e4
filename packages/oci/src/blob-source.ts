import { OciError } from "./errors.ts";

/** Options that every read takes. */
export interface ReadOptions {
  /** Rejects the read with `signal.reason` when aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Which reads go first where they queue. */
  readonly priority?: "foreground" | "prefetch" | "background" | undefined;
}

/** Random access to the bytes of one blob: all the I/O that lazy reading needs. */
export interface BlobSource {
  /** Length of the blob in bytes. */
  readonly size: number;
  /**
   * Reads exactly `length` bytes from byte `offset`. The caller owns the result.
   *
   * @throws {RangeError} if the range is not inside the blob.
   * @throws {OciError} `ERR_OCI_SHORT_READ` if the medium ends early.
   */
  read(offset: number, length: number, options?: ReadOptions): Promise<Uint8Array>;
  /**
   * Fills `target` with the bytes from `offset` on, as `read` reads them: for who reads much and keeps its buffers. Left out
   * where it would be `read` and a copy.
   */
  readInto?(target: Uint8Array, offset: number, options?: ReadOptions): Promise<void>;
  /** The same range as it arrives. Left out where the host cannot. */
  stream?(offset: number, length: number, options?: ReadOptions): ReadableStream<Uint8Array>;
  /** Lets go of what the source holds open. */
  close?(): Promise<void>;
}

/**
 * Checks that `[offset, offset + length)` lies inside a blob of `size` bytes.
 *
 * @throws {RangeError} if it does not, or a number is not a safe integer.
 */
export function checkBlobRange(size: number, offset: number, length: number): void {
  if (
    !Number.isSafeInteger(offset) ||
    !Number.isSafeInteger(length) ||
    offset < 0 ||
    length < 0 ||
    offset + length > size
  ) {
    throw new RangeError(`Cannot read blob: ${length} bytes from ${offset} are not inside its ${size} bytes`);
  }
}

/** A source over bytes in memory. They are not copied; reads return copies. */
export function bytesSource(bytes: Uint8Array): BlobSource {
  return {
    size: bytes.length,
    async read(offset, length, options) {
      options?.signal?.throwIfAborted();
      checkBlobRange(bytes.length, offset, length);
      return bytes.slice(offset, offset + length);
    },
    async readInto(target, offset, options) {
      options?.signal?.throwIfAborted();
      checkBlobRange(bytes.length, offset, target.length);
      target.set(bytes.subarray(offset, offset + target.length));
    },
  };
}

/** A source over a `Blob` or `File`, such as one dropped into a page. */
export function blobSource(blob: Blob): BlobSource {
  return {
    size: blob.size,
    async read(offset, length, options) {
      options?.signal?.throwIfAborted();
      checkBlobRange(blob.size, offset, length);
      const bytes = new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
      if (bytes.length !== length)
        throw new OciError(
          "ERR_OCI_SHORT_READ",
          `Cannot read blob: ${bytes.length} of ${length} bytes from ${offset} came`,
        );
      return bytes;
    },
    stream(offset, length) {
      checkBlobRange(blob.size, offset, length);
      return blob.slice(offset, offset + length).stream() as ReadableStream<Uint8Array>;
    },
  };
}
