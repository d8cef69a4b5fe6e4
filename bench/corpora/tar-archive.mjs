/** Writing tar archives that are the same on every machine: one owner, one time, files alone. */

const BLOCK = 512;
const MAX_NAME = 100;

/** A file as its blocks: header, bytes, padding. A name over 100 bytes goes before it, as GNU tar writes it. */
export function tarEntry(name, bytes) {
  const long = Buffer.byteLength(name) > MAX_NAME ? [longName(name)] : [];
  return Buffer.concat([...long, tarHeader(name.slice(0, MAX_NAME), bytes.length), bytes, padding(bytes.length)]);
}

/** What ends an archive. */
export function tarEnd() {
  return Buffer.alloc(2 * BLOCK);
}

export function tarHeader(name, size, type = "0") {
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, MAX_NAME, "utf8");
  header.write("0000644\0" + "0000000\0" + "0000000\0", 100, "latin1");
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  header.write("14530251740\0", 136, "latin1");
  header.write(`        ${type}`, 148, "latin1");
  header.write("ustar\x0000root", 257, "latin1");
  header.write("root", 297, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/** The first entries of an archive, as many as fit in `limit` bytes, with an end. */
export function firstEntries(tar, limit) {
  if (tar.length <= limit) return tar;
  let end = 0;
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0;) {
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 136), 8);
    const type = String.fromCharCode(tar[at + 156]);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    if (at > limit) break;
    // A long name or a PAX header belongs to the entry behind it.
    if (!"LKxg".includes(type)) end = at;
  }
  return Buffer.concat([tar.subarray(0, end), tarEnd()]);
}

function longName(name) {
  const bytes = Buffer.from(`${name}\0`);
  return Buffer.concat([tarHeader("././@LongLink", bytes.length, "L"), bytes, padding(bytes.length)]);
}

function padding(length) {
  return Buffer.alloc(-length & (BLOCK - 1));
}
