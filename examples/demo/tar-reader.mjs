// A tar reader for the demo: ustar, PAX and GNU long names, as image layers have them.
import { Buffer } from "node:buffer";

/** Longest PAX or GNU long-name record taken, in bytes. */
const MOST_RECORD = 1024 * 1024;

/**
 * The entries of an archive. Each one's content must be read or skipped before the next is asked for; what is left of it
 * is skipped.
 *
 * @param {AsyncIterable<Uint8Array>} chunks
 */
export async function* tarEntries(chunks) {
  const input = new ByteReader(chunks);
  let pax = {};
  for (;;) {
    const header = await input.read(512);
    if (header === undefined || header.every((byte) => byte === 0)) break;
    if (!checksumFits(header)) throw new Error("Cannot read tar: a header's checksum does not fit");
    const flag = String.fromCharCode(header[156]);
    const size = pax.size === undefined ? number(header, 124, 12) : Number(pax.size);
    if (!Number.isSafeInteger(size) || size < 0) throw new Error("Cannot read tar: a size is no number");
    if ("xgLK".includes(flag)) {
      if (size > MOST_RECORD) throw new Error(`Cannot read tar: a record of ${size} bytes is too long`);
      const record = await input.take(size);
      await input.skip((512 - (size % 512)) % 512);
      if (flag === "x") pax = { ...pax, ...paxRecords(record) };
      if (flag === "L") pax = { ...pax, path: text(record, 0, record.length) };
      if (flag === "K") pax = { ...pax, linkpath: text(record, 0, record.length) };
      continue;
    }
    // Links and directories have no content, whatever the size field says.
    const length = /[12345]/.test(flag) ? 0 : size;
    let left = length;
    yield {
      name: pax.path ?? ustarName(header),
      linkname: pax.linkpath ?? text(header, 157, 100),
      flag,
      mode: number(header, 100, 8),
      size: length,
      /** The content, as it arrives. */
      async *content() {
        while (left > 0) {
          const chunk = await input.some(left);
          left -= chunk.length;
          yield chunk;
        }
      },
    };
    await input.skip(left + ((512 - (length % 512)) % 512));
    pax = {};
  }
  await input.drain();
}

function ustarName(header) {
  const name = text(header, 0, 100);
  const prefix = header.toString("latin1", 257, 263) === "ustar\0" ? text(header, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function text(bytes, at, length) {
  const end = bytes.indexOf(0, at);
  return bytes.toString("utf8", at, end < 0 || end > at + length ? at + length : end);
}

/** Octal, or GNU's base 256. */
function number(header, at, length) {
  if ((header[at] & 0x80) === 0) return Number.parseInt(text(header, at, length).trim() || "0", 8);
  let value = BigInt(header[at] & 0x7f);
  for (let i = 1; i < length; i++) value = value * 256n + BigInt(header[at + i]);
  return Number(value);
}

function checksumFits(header) {
  let sum = 0;
  for (let i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 32 : header[i];
  return sum === number(header, 148, 8);
}

function paxRecords(bytes) {
  const records = Object.create(null);
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(32, at);
    const length = Number(bytes.toString("latin1", at, space));
    if (space < 0 || !(length > 0) || at + length > bytes.length)
      throw new Error("Cannot read tar: a PAX record is cut off");
    const record = bytes.toString("utf8", space + 1, at + length - 1);
    const equals = record.indexOf("=");
    records[record.slice(0, equals)] = record.slice(equals + 1);
    at += length;
  }
  return records;
}

/** Reads counts of bytes from chunks of any size. */
class ByteReader {
  #chunks;
  #chunk = Buffer.alloc(0);

  constructor(chunks) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Exactly `length` bytes, or `undefined` at the end. */
  async read(length) {
    return (await this.#fill()) ? this.take(length) : undefined;
  }

  /** Exactly `length` bytes. */
  async take(length) {
    if (this.#chunk.length >= length) return this.#cut(length);
    const parts = [];
    for (let left = length; left > 0; left -= parts.at(-1).length) parts.push(await this.some(left));
    return Buffer.concat(parts);
  }

  /** Between one and `most` bytes. */
  async some(most) {
    if (!(await this.#fill())) throw new Error("Cannot read tar: it ends early");
    return this.#cut(Math.min(most, this.#chunk.length));
  }

  async skip(length) {
    for (let left = length; left > 0;) left -= (await this.some(left)).length;
  }

  async drain() {
    while (await this.#fill()) this.#cut(this.#chunk.length);
  }

  async #fill() {
    while (this.#chunk.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return false;
      this.#chunk = Buffer.from(value.buffer, value.byteOffset, value.length);
    }
    return true;
  }

  #cut(length) {
    const cut = this.#chunk.subarray(0, length);
    this.#chunk = this.#chunk.subarray(length);
    return cut;
  }
}
