import { toByteString } from "@socikit/oci";
import type { EntryType, TableOfContents, TocEntry } from "@socikit/ztoc";

/** An entry of a table of contents made by hand. A name that ends in a slash is a directory's. */
export function tocEntry(name: string, fields: Partial<TocEntry> & { readonly link?: string } = {}): TocEntry {
  const { link = "", ...rest } = fields;
  const type: EntryType = rest.type ?? (name.endsWith("/") ? "dir" : "reg");
  return {
    name: toByteString(name),
    type,
    headerOffset: 0,
    uncompressedOffset: 512,
    uncompressedSize: 0,
    linkname: toByteString(link),
    mode: type === "dir" ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    uname: toByteString("root"),
    gname: toByteString("root"),
    modTime: "2023-11-14T22:13:20Z",
    devmajor: 0,
    devminor: 0,
    paxRecords: new Map(),
    ...rest,
  };
}

/** A table of contents of entries made by hand. */
export function tableOf(entries: readonly TocEntry[]): TableOfContents {
  return {
    length: entries.length,
    at(entry) {
      const found = entries[entry];
      if (found === undefined) throw new RangeError(`no entry ${entry}`);
      return found;
    },
    [Symbol.iterator]: () => entries[Symbol.iterator](),
  };
}
