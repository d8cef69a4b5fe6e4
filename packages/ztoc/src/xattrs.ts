import type { ByteString } from "@socikit/oci";
import { XATTR_PREFIX } from "./pax.ts";
import type { TocEntry } from "./ztoc.ts";

/** The entry's extended attributes: its `SCHILY.xattr.` records without that prefix, values as they are. */
export function xattrsOf(entry: Pick<TocEntry, "paxRecords">): ReadonlyMap<ByteString, ByteString> {
  const xattrs = new Map<ByteString, ByteString>();
  for (const [key, value] of entry.paxRecords)
    if (key.startsWith(XATTR_PREFIX)) xattrs.set(key.slice(XATTR_PREFIX.length) as ByteString, value);
  return xattrs;
}

/**
 * Whether a mount of the layer has to look for extended attributes: an entry has some, or marks an opaque directory
 * (spec section 8.4).
 */
export function needsXattrs(entry: Pick<TocEntry, "name" | "paxRecords">): boolean {
  if (entry.name.endsWith(".wh..wh..opq")) return true;
  for (const key of entry.paxRecords.keys()) if (key.startsWith(XATTR_PREFIX)) return true;
  return false;
}
