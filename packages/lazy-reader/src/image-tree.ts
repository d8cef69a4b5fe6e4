import type { ByteString } from "@socikit/oci";
import { parseModTime, xattrsOf, type TocEntry } from "@socikit/ztoc";
import { EntryContents } from "./entry-content.ts";
import { LazyReadError } from "./errors.ts";
import type { Attributes, FileTree } from "./file-tree.ts";
import type { LazyLayer } from "./lazy-layer.ts";
import type { MergedTree } from "@socikit/soci-index";
import type { TrustTier } from "./piece-cache.ts";

/** Entries that one `readdir` returns. */
const PAGE = 1024;
/** Sorted directories that are kept: a listing in pages sorts once. */
const KEPT_LISTINGS = 16;
const NO_XATTRS: ReadonlyMap<ByteString, ByteString> = new Map();

/** The file tree of an image's merged layers, and what its contents stand on. Everything but `open` answers at once. */
export interface ImageTree extends FileTree {
  stat(id: number): Attributes;
  lookup(parent: number, name: ByteString): Attributes | undefined;
  readdir(id: number, cursor: number): readonly (Attributes & { readonly name: ByteString })[];
  readlink(id: number): ByteString;
  xattrs(id: number): ReadonlyMap<ByteString, ByteString>;
  /** The layer and the entry of its table of contents that an entry comes from; `undefined` for a directory that nobody wrote down. */
  source(id: number): { readonly layer: LazyLayer; readonly entry: number } | undefined;
  /** What the content of a file, or a range of it, stands on by what has been read so far. */
  tierOf(id: number, range?: { readonly start: number; readonly end: number }): TrustTier;
}

/** The tree over merged layers. `layers` are the ones that were added to `merged`, by number. */
export function createImageTree(merged: MergedTree, layers: readonly LazyLayer[]): ImageTree {
  const contents = layers.map((layer) => new EntryContents(layer));
  const listings = new Map<number, readonly ByteString[]>();

  function metaOf(id: number): TocEntry | undefined {
    const source = merged.source(id);
    return source === undefined ? undefined : layers[source.layer]!.toc.at(source.entry);
  }
  function check(id: number): void {
    if (!merged.has(id)) throw new RangeError(`Cannot find entry ${id}: the tree has none of that number`);
  }
  function stat(id: number): Attributes {
    check(id);
    return attributesOf(id, merged.links(id), metaOf(id));
  }
  function listing(id: number): readonly ByteString[] {
    let names = listings.get(id);
    if (names === undefined) {
      // Characters are bytes, so this is byte order.
      names = [...merged.names(id)].sort((a, b) => (a < b ? -1 : 1));
      for (const oldest of listings.keys()) {
        if (listings.size < KEPT_LISTINGS) break;
        listings.delete(oldest);
      }
      listings.set(id, names);
    }
    return names;
  }
  function fileOf(id: number): { readonly layer: number; readonly entry: number } {
    check(id);
    const source = merged.source(id);
    if (source === undefined || metaOf(id)?.type !== "reg")
      throw new LazyReadError("ERR_LAZY_NOT_A_FILE", `Cannot open entry ${id}: it is not a regular file`);
    return source;
  }

  return {
    root: merged.root,
    stat,
    parent(id) {
      check(id);
      return merged.parent(id);
    },
    lookup(parent, name) {
      check(parent);
      const id = merged.child(parent, name);
      return id === undefined ? undefined : stat(id);
    },
    readdir(id, cursor) {
      check(id);
      if (!merged.isDirectory(id))
        throw new LazyReadError("ERR_LAZY_NOT_A_DIRECTORY", `Cannot list entry ${id}: it is not a directory`);
      return listing(id)
        .slice(cursor, cursor + PAGE)
        .map((name) => ({ ...stat(merged.child(id, name)!), name }));
    },
    readlink(id) {
      check(id);
      const meta = metaOf(id);
      return meta?.type === "symlink" ? meta.linkname : ("" as ByteString);
    },
    xattrs(id) {
      check(id);
      const meta = metaOf(id);
      return meta === undefined ? NO_XATTRS : xattrsOf(meta);
    },
    // A rejection, not a throw: the port is asynchronous.
    // oxlint-disable-next-line typescript/require-await
    async open(id, options) {
      options?.signal?.throwIfAborted();
      const { layer, entry } = fileOf(id);
      return contents[layer]!.open(entry);
    },
    source(id) {
      check(id);
      const source = merged.source(id);
      return source === undefined ? undefined : { layer: layers[source.layer]!, entry: source.entry };
    },
    tierOf(id, range) {
      const { layer, entry } = fileOf(id);
      const { uncompressedOffset: at, uncompressedSize: size } = layers[layer]!.toc.at(entry);
      const start = at + Math.min(range?.start ?? 0, size);
      return layers[layer]!.tierOf({ start, end: Math.max(start, at + Math.min(range?.end ?? size, size)) });
    },
  };
}

const TYPES = {
  reg: "file",
  // A hard link is never an entry of its own in a merged tree.
  hardlink: "file",
  dir: "directory",
  symlink: "symlink",
  char: "char",
  block: "block",
  fifo: "fifo",
} as const;

function attributesOf(id: number, links: number, meta: TocEntry | undefined): Attributes {
  // A directory that only its children imply, as the reference makes it (spec section 17.2).
  if (meta === undefined)
    return { id, type: "directory", mode: 0o755, size: 0, uid: 0, gid: 0, mtime: 0, mtimeNs: 0, links };
  const type = TYPES[meta.type];
  // No time is written as none; a file system has to show one.
  const modified = parseModTime(meta.modTime) ?? { seconds: 0, nanoseconds: 0 };
  return {
    id,
    type,
    mode: meta.mode & 0o7777,
    size: type === "file" ? meta.uncompressedSize : type === "symlink" ? meta.linkname.length : 0,
    uid: meta.uid,
    gid: meta.gid,
    mtime: modified.seconds,
    mtimeNs: modified.nanoseconds,
    links,
    ...(type === "char" || type === "block" ? { device: { major: meta.devmajor, minor: meta.devminor } } : {}),
  };
}
