/** Writes tar archives field by field, sound or not. Texts are latin1: one character a byte. */

const BLOCK = 512;
export const USTAR = "ustar\x0000";
export const GNU = "ustar  \0";

/** A header block: fields as their bytes, a size as a number too. The checksum is right unless one is given; `raw` puts bytes at offsets. */
export function tarHeader(fields = {}) {
  const block = new Uint8Array(BLOCK);
  const put = (at, text, room) => {
    for (let i = 0; i < text.length && i < room; i++) block[at + i] = text.charCodeAt(i);
  };
  const { size = 0 } = fields;
  put(0, fields.name ?? "file", 100);
  put(100, fields.mode ?? "0000644\0", 8);
  put(108, fields.uid ?? "0000000\0", 8);
  put(116, fields.gid ?? "0000000\0", 8);
  put(124, typeof size === "number" ? `${octal(size, 11)}\0` : size, 12);
  put(136, fields.mtime ?? "14530251740\0", 12);
  put(156, fields.typeflag ?? "0", 1);
  put(157, fields.linkname ?? "", 100);
  put(257, fields.magic ?? USTAR, 8);
  put(265, fields.uname ?? "", 32);
  put(297, fields.gname ?? "", 32);
  put(329, fields.devmajor ?? "", 8);
  put(337, fields.devminor ?? "", 8);
  put(345, fields.prefix ?? "", 155);
  for (const [at, text] of Object.entries(fields.raw ?? {})) put(Number(at), text, BLOCK - Number(at));
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, fields.checksum ?? `${octal(sum, 6)}\0 `, 8);
  return block;
}

/** A header and its payload, padded. The size is the payload's, unless one is given. */
export function tarEntry(fields, payload = "") {
  const bytes = typeof payload === "string" ? latin1(payload) : payload;
  return concat(tarHeader({ size: bytes.length, ...fields }), padded(bytes));
}

/** A PAX header with these records, in their order. */
export function paxHeader(records, typeflag = "x") {
  return tarEntry({ name: "PaxHeaders/file", typeflag }, records.map(([key, value]) => paxRecord(key, value)).join(""));
}

/** A PAX record, whose length counts its own digits. */
export function paxRecord(key, value) {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length++;
  return `${length}${rest}`;
}

/** A number in base 256, two's complement. */
export function base256(value, length) {
  const bytes = [];
  let rest = BigInt.asUintN(8 * length, value);
  for (let i = 0; i < length; i++) {
    bytes.unshift(String.fromCharCode(Number(rest & 0xffn) | (i === length - 1 ? 0x80 : 0)));
    rest >>= 8n;
  }
  return bytes.join("");
}

export function octal(value, digits) {
  return value.toString(8).padStart(digits, "0");
}

/** Whole blocks. */
export function padded(bytes) {
  const blocks = new Uint8Array(Math.ceil(bytes.length / BLOCK) * BLOCK);
  blocks.set(bytes);
  return blocks;
}

export function concat(...parts) {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function latin1(text) {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
