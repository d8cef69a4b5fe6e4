import { toDisplay, type ByteString } from "@socikit/oci";
import { formatModTime, parseModTime } from "./mod-time.ts";
import { TarParser, type TarEntry } from "./tar-parser.ts";
import { xattrsOf } from "./xattrs.ts";
import type { TocEntry } from "./ztoc.ts";

/**
 * Compares an entry of a table of contents with its header in the layer: that ties what the index says to bytes that the
 * layer's author wrote (spec section 16.4). Names, targets, sizes, times, owners, modes, devices and extended attributes
 * must be the same; user names and other PAX records are not looked at, as the reference does not either.
 *
 * @param header Bytes `[headerOffset, uncompressedOffset)` of the uncompressed stream. They must be exactly the headers.
 * @returns What differs, for an error's text, or `undefined` where nothing does.
 */
export function compareTarHeader(entry: TocEntry, header: Uint8Array): string | undefined {
  const found: TarEntry[] = [];
  const parser = new TarParser((parsed) => {
    found.push(parsed);
  });
  parser.push(header);
  const [parsed] = found;
  if (parser.error !== undefined) return parser.error.message.replace(/^Cannot index layer: /, "");
  if (parsed === undefined) return `there is no complete header in its ${header.length} bytes`;
  if (parsed.payloadOffset !== header.length)
    return `its header has ${parsed.payloadOffset} bytes, not ${header.length}`;
  return firstDifference(entry, parsed);
}

function firstDifference(entry: TocEntry, parsed: TarEntry): string | undefined {
  const texts = [
    ["name", entry.name, parsed.name],
    ["type", entry.type, parsed.type],
    ["link target", entry.linkname, parsed.linkname],
  ] as const;
  for (const [what, said, is] of texts)
    if (said !== is) return `its ${what} is ${quote(is)} in the layer, but ${quote(said)} in the index`;
  const numbers = [
    ["size", entry.uncompressedSize, parsed.size],
    ["mode", entry.mode, parsed.mode],
    ["owner", entry.uid, BigInt.asUintN(32, BigInt(parsed.uid))],
    ["group", entry.gid, BigInt.asUintN(32, BigInt(parsed.gid))],
    ["major device number", entry.devmajor, parsed.devmajor],
    ["minor device number", entry.devminor, parsed.devminor],
  ] as const;
  for (const [what, said, is] of numbers)
    if (BigInt(said) !== BigInt(is)) return `its ${what} is ${is} in the layer, but ${said} in the index`;
  const time = formatModTime(parsed.modTime);
  if (!isSameTime(entry.modTime, time))
    return `its time is ${quote(time)} in the layer, but ${quote(entry.modTime)} in the index`;
  return differentXattr(xattrsOf(entry), xattrsOf(parsed));
}

/** The index may have been built in another time zone. */
function isSameTime(said: string, is: string): boolean {
  if (said === is) return true;
  const a = parseModTime(said);
  const b = parseModTime(is);
  return a !== undefined && b !== undefined && a.seconds === b.seconds && a.nanoseconds === b.nanoseconds;
}

function differentXattr(
  said: ReadonlyMap<ByteString, ByteString>,
  is: ReadonlyMap<ByteString, ByteString>,
): string | undefined {
  for (const key of new Set([...said.keys(), ...is.keys()]))
    if (said.get(key) !== is.get(key)) return `its extended attribute ${quote(key)} differs`;
  return undefined;
}

function quote(text: string): string {
  return JSON.stringify(toDisplay(text as ByteString));
}
