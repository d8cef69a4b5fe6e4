import type { ByteString } from "@socikit/oci";
import { parseDecimal } from "./tar-number.ts";

/** PAX records of one extended header: the last of equal keys counts, values may be any bytes. */
export type PaxRecords = ReadonlyMap<ByteString, ByteString>;

/** Prefix of the records that are extended attributes. */
export const XATTR_PREFIX = "SCHILY.xattr.";

const NO_NUL_IN_VALUE: ReadonlySet<string> = new Set(["path", "linkpath", "uname", "gname"]);

/**
 * Parses the payload of an `x` or `g` header (spec section 6.4). GNU's sparse pairs of version 0.0 become one
 * `GNU.sparse.map`. `undefined` for anything that Go's reader refuses.
 */
export function parsePax(payload: ByteString): PaxRecords | undefined {
  const records = new Map<ByteString, ByteString>();
  const sparseMap: string[] = [];
  for (let at = 0; at < payload.length;) {
    const record = parseRecord(payload, at);
    if (record === undefined) return undefined;
    const { key, value, end } = record;
    at = end;
    if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") {
      const wanted = sparseMap.length % 2 === 0 ? "GNU.sparse.offset" : "GNU.sparse.numbytes";
      if (key !== wanted || value.includes(",")) return undefined;
      sparseMap.push(value);
    } else {
      records.set(key as ByteString, value as ByteString);
    }
  }
  if (sparseMap.length > 0) records.set("GNU.sparse.map" as ByteString, sparseMap.join(",") as ByteString);
  return records;
}

/** `<length> <key>=<value>\n`, the length counting all of it. */
function parseRecord(
  payload: string,
  at: number,
): { readonly key: string; readonly value: string; readonly end: number } | undefined {
  const space = payload.indexOf(" ", at);
  if (space < 0) return undefined;
  const length = parseDecimal(payload.slice(at, space));
  if (typeof length !== "number" || length < 5 || length > payload.length - at) return undefined;
  const end = at + length;
  if (end <= space + 1 || payload[end - 1] !== "\n") return undefined;
  const equals = payload.indexOf("=", space + 1);
  if (equals < 0 || equals >= end - 1) return undefined;
  const key = payload.slice(space + 1, equals);
  const value = payload.slice(equals + 1, end - 1);
  if (key === "" || (NO_NUL_IN_VALUE.has(key) ? value : key).includes("\0")) return undefined;
  return { key, value, end };
}
