import { open } from "node:fs/promises";
import { checkBlobRange, type BlobSource } from "../blob-source.ts";
import { OciError } from "../errors.ts";

/** Bytes a stream reads at once. */
const CHUNK = 256 * 1024;

/**
 * A source over a file. It holds the file open until `close`.
 *
 * @throws the host's error (`ENOENT`, `EACCES`) where the file cannot be opened.
 */
export async function openFileSource(path: string): Promise<BlobSource> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const fill = async (bytes: Uint8Array, offset: number): Promise<void> => {
      const { length } = bytes;
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0)
          throw new OciError(
            "ERR_OCI_SHORT_READ",
            `Cannot read ${path}: it ends at byte ${offset + filled}, ${length - filled} bytes early`,
          );
        filled += bytesRead;
      }
    };
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      // Not set to zero first: it is filled, or nobody gets it.
      const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
      await fill(bytes, offset);
      return bytes;
    };
    return {
      size,
      async read(offset, length, options) {
        options?.signal?.throwIfAborted();
        checkBlobRange(size, offset, length);
        return read(offset, length);
      },
      async readInto(target, offset, options) {
        options?.signal?.throwIfAborted();
        checkBlobRange(size, offset, target.length);
        await fill(target, offset);
      },
      stream(offset, length, options) {
        checkBlobRange(size, offset, length);
        let at = offset;
        const end = offset + length;
        return new ReadableStream<Uint8Array>(
          {
            async pull(controller) {
              options?.signal?.throwIfAborted();
              const count = Math.min(CHUNK, end - at);
              if (count > 0) controller.enqueue(await read(at, count));
              at += count;
              if (at >= end) controller.close();
            },
          },
          { highWaterMark: 0 },
        );
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}
