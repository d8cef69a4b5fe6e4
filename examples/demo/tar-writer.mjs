// A tar writer for the demo: ustar headers, and a PAX header in front where a name or link is too long for one.
import { readFile } from "node:fs/promises";
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

/** Bytes handed on at once: zlib's stream costs a trip to another thread for each chunk, and most files are small. */
const BATCH = 1024 * 1024;
const TYPE_FLAGS = { file: "0", symlink: "2", directory: "5" };

/**
 * The archive of some entries, in batches of about 1 MiB.
 *
 * @param {Iterable<TarEntry>} entries
 * @returns {AsyncGenerator<Buffer>}
 */
export async function* tarOf(entries) {
  let batch = [];
  let size = 0;
  const add = (bytes) => {
    batch.push(bytes);
    size += bytes.length;
  };
  for (const entry of entries) {
    const content = entry.type === "file" ? (entry.bytes ?? (await readFile(entry.path))) : Buffer.alloc(0);
    for (const block of tarHeaders({ ...entry, size: content.length })) add(block);
    add(content);
    add(padding(content.length));
    if (size >= BATCH) {
      yield Buffer.concat(batch);
      batch = [];
      size = 0;
    }
  }
  add(Buffer.alloc(1024));
  yield Buffer.concat(batch);
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
