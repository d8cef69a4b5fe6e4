/** Writes tar archives field by field, sound or not: what the parser is tested with. */

const BLOCK = 512;

/** Fields of a header block; texts are latin1, one character a byte. */
export interface HeaderFields {
  readonly name?: string;
  readonly mode?: string;
  readonly uid?: string;
  readonly gid?: string;
  /** Eleven octal digits of a number, or the field's text. */
  readonly size?: number | string;
  readonly mtime?: string;
  readonly checksum?: string;
  readonly typeflag?: string;
  readonly linkname?: string;
  /** Eight bytes at 257. */
  readonly magic?: string;
  readonly uname?: string;
  readonly gname?: string;
  readonly devmajor?: string;
  readonly devminor?: string;
  readonly prefix?: string;
  /** Any other bytes, by their offset. */
  readonly raw?: Readonly<Record<number, string>>;
}

export const USTAR = "ustar\x0000";
export const GNU = "ustar  \0";

/** A header block with a right checksum, unless one is given. */
export function tarHeader(fields: HeaderFields = {}): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (at: number, text: string): void => {
    for (let i = 0; i < text.length; i++) block[at + i] = text.charCodeAt(i);
  };
  const { size = 0 } = fields;
  put(0, fields.name ?? "file");
  put(100, fields.mode ?? "0000644\0");
  put(108, fields.uid ?? "0000000\0");
  put(116, fields.gid ?? "0000000\0");
  put(124, typeof size === "number" ? `${size.toString(8).padStart(11, "0")}\0` : size);
  put(136, fields.mtime ?? "14530251740\0");
  put(156, fields.typeflag ?? "0");
  put(157, fields.linkname ?? "");
  put(257, fields.magic ?? USTAR);
  put(265, fields.uname ?? "");
  put(297, fields.gname ?? "");
  put(329, fields.devmajor ?? "");
  put(337, fields.devminor ?? "");
  put(345, fields.prefix ?? "");
  for (const [at, text] of Object.entries(fields.raw ?? {})) put(Number(at), text);
  const sum = block.reduce((total, byte) => total + byte, 8 * 0x20);
  put(148, fields.checksum ?? `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** A header and its payload, padded. The size is the payload's, unless one is given. */
export function tarEntry(fields: HeaderFields, payload: Uint8Array | string = ""): Uint8Array {
  const bytes = typeof payload === "string" ? latin1(payload) : payload;
  const padded = new Uint8Array(Math.ceil(bytes.length / BLOCK) * BLOCK);
  padded.set(bytes);
  return concat(tarHeader({ size: bytes.length, ...fields }), padded);
}

/** A PAX header with these records, in their order. */
export function paxHeader(records: readonly (readonly [key: string, value: string])[], typeflag = "x"): Uint8Array {
  return tarEntry({ name: "PaxHeaders/file", typeflag }, records.map(([key, value]) => paxRecord(key, value)).join(""));
}

/** A PAX record, whose length counts its own digits. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length++;
  return `${length}${rest}`;
}

/** The two blocks of zeros at the end. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * BLOCK);
}

/** A number in base 256, two's complement. */
export function base256(value: bigint, length: number): string {
  const bytes: string[] = [];
  let rest = BigInt.asUintN(8 * length, value);
  for (let i = 0; i < length; i++) {
    bytes.unshift(String.fromCharCode(Number(rest & 0xffn) | (i === length - 1 ? 0x80 : 0)));
    rest >>= 8n;
  }
  return bytes.join("");
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
