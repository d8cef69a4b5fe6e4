import { constants } from "node:fs";
import { open } from "node:fs/promises";

/**
 * A whole regular file of at most `limit` bytes.
 *
 * Opening a pipe waits until someone writes to it, in a thread that nothing interrupts: no abort, and not the end of the
 * process. So it is opened without waiting, and what is no regular file is not read.
 *
 * @throws an error of code `EFBIG` for a longer file, `ENOTREG` for a pipe or a device; `EISDIR` for a directory, and the
 * host's other errors.
 */
export async function readRegularFile(path: string, limit: number): Promise<Uint8Array> {
  // Windows has no such flag, and no pipes among its files.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  const fail = (code: string, what: string): Error =>
    Object.assign(new Error(`Cannot read ${path}: it is ${what}`), { code });
  try {
    const found = await file.stat();
    if (found.isDirectory()) throw fail("EISDIR", "a directory");
    if (!found.isFile()) throw fail("ENOTREG", "not a regular file");
    if (found.size > limit) throw fail("EFBIG", `longer than ${limit} bytes`);
    const bytes = new Uint8Array(await file.readFile());
    // Files of /proc say that they are empty, and others grow.
    if (bytes.length > limit) throw fail("EFBIG", `longer than ${limit} bytes`);
    return bytes;
  } finally {
    await file.close();
  }
}
