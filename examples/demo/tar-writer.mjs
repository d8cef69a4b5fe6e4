// A tar writer for the demo: ustar headers, and a PAX header in front where a name or link is too long for one.
import { createReadStream, readFileSync } from "node:fs";
import { Buffer } from "node:buffer";

/**
 * @typedef {object} TarEntry
 * @property {string} name Path in the archive, "/" at the end of directories.
 * @property {"file" | "directory" | "symlink"} type
 * @property {number} mode Permission bits.
 * @property {number} mtime Seconds since 1970.
 * @property {string} [linkname] Target of a symlink.
 * @property {number} [size] Bytes of content, for files.
 * @property {string} [path] Where the content is.
 * @property {Uint8Array} [bytes] The content, where it is not in a file.
 */

/** Most bytes handed on at once: zlib's stream costs a trip to another thread for each chunk, and most files are small. */
export const BATCH = 256 * 1024;
const TYPE_FLAGS = { file: "0", symlink: "2", directory: "5" };
const END = 1024;

/**
 * The archive of some entries, in batches of 256 KiB. Fails where a file is no longer as long as its entry says.
 *
 * @param {Iterable<TarEntry>} entries
 * @returns {AsyncGenerator<Buffer>}
 */
export async function* tarOf(entries) {
  let batch = Buffer.allocUnsafe(BATCH);
  let filled = 0;
  const put = function* (bytes) {
    for (let at = 0; at < bytes.length;) {
      const count = bytes.copy(batch, filled, at);
      at += count;
      filled += count;
      if (filled < BATCH) continue;
      yield batch;
      batch = Buffer.allocUnsafe(BATCH);
      filled = 0;
    }
  };
  for (const entry of entries) {
    const size = contentSize(entry);
    for (const block of tarHeaders({ ...entry, size })) yield* put(block);
    for await (const bytes of contentOf(entry, size)) yield* put(bytes);
    yield* put(padding(size));
  }
  yield* put(Buffer.alloc(END));
  if (filled > 0) yield batch.subarray(0, filled);
}

/** Bytes of the archive that {@link tarOf} makes. */
export function tarSize(entries) {
  let size = END;
  for (const entry of entries) {
    const content = contentSize(entry);
    for (const block of tarHeaders({ ...entry, size: content })) size += block.length;
    size += content + padding(content).length;
  }
  return size;
}

function contentSize({ type, bytes, size }) {
  return type === "file" ? (bytes?.length ?? size) : 0;
}

async function* contentOf({ bytes, path }, size) {
  if (size === 0) return;
  if (bytes !== undefined) {
    yield Buffer.from(bytes);
    return;
  }
  let read = 0;
  // Thousands of small files take a third of the time in this way.
  const chunks = size <= BATCH ? [readFileSync(path)] : createReadStream(path, { highWaterMark: BATCH });
  for await (const chunk of chunks) {
    read += chunk.length;
    if (read > size) break;
    yield chunk;
  }
  if (read !== size) throw new Error(`Cannot pack ${path}: it changed meanwhile`);
}

/** The headers of one entry, without its content. */
export function tarHeaders(entry) {
  const { name, linkname = "" } = entry;
  const split = splitName(name);
  const records = [];
  if (split === undefined) records.push(paxRecord("path", name));
  if (Buffer.byteLength(linkname) > 100) records.push(paxRecord("linkpath", linkname));
  const [prefix, short] = split ?? ["", Buffer.from(name).subarray(0, 100).toString("latin1")];
  const own = ustar({ ...entry, name: short, prefix, flag: TYPE_FLAGS[entry.type] });
  if (records.length === 0) return [own];
  const pax = Buffer.concat(records);
  const header = ustar({ name: "PaxHeader", prefix: "", mode: 0o644, mtime: 0, size: pax.length, flag: "x" });
  return [header, pax, padding(pax.length), own];
}

function padding(length) {
  return Buffer.alloc((512 - (length % 512)) % 512);
}

/** ustar has 100 bytes for a name and 155 for the directories before it. */
function splitName(name) {
  if (!/^[\x20-\x7e]*$/.test(name)) return undefined;
  if (name.length <= 100) return ["", name];
  for (let at = name.indexOf("/", name.length - 101); at > 0 && at <= 155; at = name.indexOf("/", at + 1))
    if (at < name.length - 1) return [name.slice(0, at), name.slice(at + 1)];
  return undefined;
}

/** `length key=value\n`, where the length counts its own digits. */
function paxRecord(key, value) {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

function ustar({ name, prefix, mode, mtime, size, flag, linkname = "" }) {
  const header = Buffer.alloc(512);
  const octal = (value, at, length) => header.write(value.toString(8).padStart(length - 1, "0"), at, "latin1");
  header.write(name, 0, 100, "latin1");
  octal(mode & 0o7777, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(Math.floor(mtime), 136, 12);
  header.fill(" ", 148, 156);
  header.write(flag, 156, "latin1");
  header.write(linkname, 157, 100);
  header.write("ustar\x0000", 257, "latin1");
  header.write("root", 265);
  header.write("root", 297);
  header.write(prefix, 345, 155, "latin1");
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}
