import type { ByteString } from "@socikit/oci";
import type { TableOfContents, TocEntry } from "@socikit/ztoc";
import { entryPath, whiteoutOf } from "./entry-path.ts";
import { LazyReadError } from "./errors.ts";

/** Id of the root; what FUSE calls its root, too. 0 means "none" in the columns. */
const ROOT = 1;
/** Most entries of a tree, counted with the directories that nobody wrote down. */
export const MAX_TREE_ENTRIES: number = 8_000_000;

/** Attributes that no entry gives: a directory that only its children imply. */
const IMPLIED = -1;

/** What decides where an entry goes. */
type Placed = Pick<TocEntry, "name" | "type" | "linkname">;

/** An entry that the tree does not take, and why. */
export interface RefusedEntry {
  /** Its number in its layer's table of contents. */
  readonly entry: number;
  /** Its name, as written. */
  readonly name: ByteString;
  /** What is wrong with it. */
  readonly reason: string;
}

/**
 * The layers of an image, merged by name: what an overlay of the unpacked layers shows. Files are numbers, names are edges.
 *
 * Rules: later layers win; a directory over a directory keeps its children and takes the upper attributes, everything else
 * replaces what was there with all below it; an entry whose parent is no directory replaces that parent with one; parents that
 * nobody wrote are `0755`; the last of several entries of one name wins; whiteouts hide what the layers *below* have, wherever
 * they stand in their own layer. Names are not resolved through symlinks: a layer's `lib/x` over a lower symlink `lib` shows a
 * directory, as it does in the reference's overlay. Hard links are looked up in what is merged so far.
 *
 * State, one column an attribute, indexed by id: the layer and entry that give the attributes, the number of names, the children
 * of a directory. Ids count up in the order of creation and are never used again, so they follow from the layers alone.
 */
export class MergedTree {
  /** The root directory's id. */
  readonly root: number = ROOT;
  readonly #layer: number[] = [IMPLIED, IMPLIED];
  readonly #entry: number[] = [IMPLIED, IMPLIED];
  readonly #links: number[] = [0, 2];
  readonly #parent: number[] = [0, ROOT];
  readonly #children: (Map<ByteString, number> | undefined)[] = [undefined, new Map()];
  readonly #maxEntries: number;
  /** Files that lost the name their `#parent` is of. */
  readonly #strays: Set<number> = new Set();

  /** @param maxEntries Most entries besides the root, the ones replaced since included. */
  constructor(maxEntries: number = MAX_TREE_ENTRIES) {
    this.#maxEntries = maxEntries;
  }

  /** Ids run below this number. */
  get length(): number {
    return this.#layer.length;
  }

  /**
   * Puts a layer on top.
   *
   * @param layer The number to remember it by.
   * @returns The entries that were not taken.
   * @throws {LazyReadError} `ERR_LAZY_TOO_MANY_ENTRIES`.
   */
  add(layer: number, toc: TableOfContents): RefusedEntry[] {
    const refused: RefusedEntry[] = [];
    // Whiteouts come first, so every entry is looked at twice. Making its object twice took a third of the time (10,000 entries).
    const entries: Placed[] = [];
    for (const { name, type, linkname } of toc) entries.push({ name, type, linkname });
    const whiteouts = this.#applyWhiteouts(entries);
    for (const [entry, placed] of entries.entries()) {
      if (whiteouts.has(entry)) continue;
      const reason = this.#place(layer, entry, placed);
      if (reason !== undefined) refused.push({ entry, name: placed.name, reason });
    }
    this.#findStrays();
    return refused;
  }

  /** Whether the id is of a directory. */
  isDirectory(id: number): boolean {
    return this.#children[id] !== undefined;
  }

  /** Whether it is an id at all, of something that still has a name. */
  has(id: number): boolean {
    return Number.isInteger(id) && id >= ROOT && id < this.#layer.length && this.#links[id] !== 0;
  }

  /** The layer and entry that the attributes come from; `undefined` for a directory that only its children imply. */
  source(id: number): { readonly layer: number; readonly entry: number } | undefined {
    const layer = this.#layer[id]!;
    return layer === IMPLIED ? undefined : { layer, entry: this.#entry[id]! };
  }

  /** Number of names; of a directory 2 and one for each subdirectory. */
  links(id: number): number {
    return this.#links[id]!;
  }

  /** A directory that has it; the root's is the root. */
  parent(id: number): number {
    return this.#parent[id]!;
  }

  /** The child of that name. */
  child(id: number, name: ByteString): number | undefined {
    return this.#children[id]?.get(name);
  }

  /** Names of a directory's children, in no order. */
  names(id: number): Iterable<ByteString> {
    return this.#children[id]?.keys() ?? [];
  }

  /** Hides what the layer's whiteouts hide, before any of its entries is placed: they are about the layers below alone. */
  #applyWhiteouts(entries: readonly Placed[]): Set<number> {
    const whiteouts = new Map<number, readonly ByteString[]>();
    for (const [entry, { name }] of entries.entries()) {
      if (!name.includes(".wh.")) continue;
      const path = entryPath(name);
      const whiteout = path?.length ? whiteoutOf(path.at(-1)!) : undefined;
      if (path === undefined || whiteout === undefined) continue;
      const parents = path.slice(0, -1);
      whiteouts.set(entry, parents);
      const directory = this.#walk(parents);
      if (directory === undefined || !this.isDirectory(directory)) continue;
      if (whiteout.kind === "name") this.#unlink(directory, whiteout.name);
      else if (whiteout.kind === "opaque") for (const name of this.names(directory)) this.#unlink(directory, name);
    }
    // The directory that a whiteout stands in is there, as it is when the layer is unpacked.
    for (const parents of whiteouts.values()) if (!parents.some(isReserved)) this.#ensureDirectory(parents);
    return new Set(whiteouts.keys());
  }

  #place(layer: number, entry: number, meta: Placed): string | undefined {
    const path = entryPath(meta.name);
    if (path === undefined) return "no file can have its name";
    if (path.some(isReserved)) return "it is below a whiteout";
    if (path.length === 0) {
      if (meta.type !== "dir") return "it would replace the root directory";
      this.#layer[ROOT] = layer;
      this.#entry[ROOT] = entry;
      return undefined;
    }
    const name = path.at(-1)!;
    const parents = path.slice(0, -1);
    if (meta.type === "hardlink") {
      // Before the parents: they may have to replace the very file that is linked to.
      const target = entryPath(meta.linkname);
      const id = target === undefined ? undefined : this.#walk(target);
      if (id === undefined) return "the file that it links to is not there";
      if (this.isDirectory(id)) return "it is a hard link to a directory";
      const parent = this.#ensureDirectory(parents);
      if (this.child(parent, name) === id) return undefined;
      // The new name first, so that the file keeps one if the old name's subtree holds its others.
      this.#links[id]!++;
      this.#unlink(parent, name);
      this.#children[parent]!.set(name, id);
      if (this.#links[id] === 1) this.#parent[id] = parent;
      return undefined;
    }
    const parent = this.#ensureDirectory(parents);
    const existing = this.child(parent, name);
    if (meta.type === "dir" && existing !== undefined && this.isDirectory(existing)) {
      this.#layer[existing] = layer;
      this.#entry[existing] = entry;
      return undefined;
    }
    if (existing !== undefined) this.#unlink(parent, name);
    this.#create(parent, name, layer, entry, meta.type === "dir");
    return undefined;
  }

  #walk(path: readonly ByteString[]): number | undefined {
    let id: number | undefined = ROOT;
    for (const name of path) {
      id = this.child(id, name);
      if (id === undefined) return undefined;
    }
    return id;
  }

  #ensureDirectory(path: readonly ByteString[]): number {
    let id = ROOT;
    for (const name of path) {
      const child = this.child(id, name);
      if (child !== undefined && this.isDirectory(child)) {
        id = child;
        continue;
      }
      if (child !== undefined) this.#unlink(id, name);
      id = this.#create(id, name, IMPLIED, IMPLIED, true);
    }
    return id;
  }

  #create(parent: number, name: ByteString, layer: number, entry: number, directory: boolean): number {
    const id = this.#layer.length;
    if (id - ROOT > this.#maxEntries)
      throw new LazyReadError(
        "ERR_LAZY_TOO_MANY_ENTRIES",
        `Cannot merge layers: they have more than ${this.#maxEntries} entries`,
      );
    this.#layer.push(layer);
    this.#entry.push(entry);
    this.#links.push(directory ? 2 : 1);
    this.#parent.push(parent);
    this.#children.push(directory ? new Map() : undefined);
    this.#children[parent]!.set(name, id);
    if (directory) this.#links[parent]!++;
    return id;
  }

  /** Removes a name, and with a directory all below it. A loop, not a recursion: depth is the image's choice. */
  #unlink(parent: number, name: ByteString): void {
    const pending: [parent: number, name: ByteString][] = [[parent, name]];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const children = this.#children[next[0]]!;
      const id = children.get(next[1]);
      if (id === undefined) continue;
      children.delete(next[1]);
      const below = this.#children[id];
      if (below === undefined) {
        this.#links[id]!--;
        if (this.#links[id]! > 0 && this.#parent[id] === next[0]) this.#strays.add(id);
        continue;
      }
      if (this.#links[next[0]]! > 0) this.#links[next[0]]!--;
      this.#links[id] = 0;
      for (const child of below.keys()) pending.push([id, child]);
    }
  }

  /** Gives files that lost a name one of their others as the way to their parent. Rare, so it may walk the whole tree. */
  #findStrays(): void {
    if (this.#strays.size === 0) return;
    for (let directory = ROOT; directory < this.#children.length; directory++) {
      const children = this.#children[directory];
      if (children === undefined || this.#links[directory] === 0) continue;
      for (const id of children.values()) {
        if (!this.#strays.has(id)) continue;
        this.#parent[id] = directory;
        this.#strays.delete(id);
      }
    }
    this.#strays.clear();
  }
}

/** Whether a component is of a name that only whiteouts have: nothing of it is ever shown. */
function isReserved(component: ByteString): boolean {
  return component.startsWith(".wh.");
}
