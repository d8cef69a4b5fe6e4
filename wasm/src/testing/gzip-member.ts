import { crc32, deflateRawSync } from "node:zlib";

/** Optional parts of a member's header. */
export interface MemberFields {
  readonly extra?: Uint8Array;
  readonly name?: string;
  readonly comment?: string;
  readonly headerCrc?: boolean;
}

/** Bytes of a gzip header, RFC 1952, section 2.3. */
export function gzipHeader(fields: MemberFields = {}): Uint8Array {
  const flags =
    (fields.headerCrc ? 2 : 0) |
    (fields.extra === undefined ? 0 : 4) |
    (fields.name === undefined ? 0 : 8) |
    (fields.comment === undefined ? 0 : 16);
  const header = [0x1f, 0x8b, 8, flags, 0x78, 0x56, 0x34, 0x12, 2, 3];
  if (fields.extra !== undefined) header.push(fields.extra.length & 255, fields.extra.length >> 8, ...fields.extra);
  for (const text of [fields.name, fields.comment]) {
    if (text !== undefined) header.push(...Buffer.from(text, "latin1"), 0);
  }
  if (fields.headerCrc) {
    const crc = crc32(Uint8Array.from(header));
    header.push(crc & 255, (crc >> 8) & 255);
  }
  return Uint8Array.from(header);
}

/** A member of the given DEFLATE data, whose output is known. */
export function gzipMember(deflated: Uint8Array, output: Uint8Array, fields: MemberFields = {}): Uint8Array {
  const trailer = new Uint8Array(8);
  const view = new DataView(trailer.buffer);
  view.setUint32(0, crc32(output), true);
  view.setUint32(4, output.length, true);
  return concat(gzipHeader(fields), deflated, trailer);
}

/** A member that zlib compresses. */
export function compressedMember(output: Uint8Array, fields: MemberFields = {}, level = 6): Uint8Array {
  return gzipMember(deflateRawSync(output, { level }), output, fields);
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
