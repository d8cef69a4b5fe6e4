import type { ByteString } from "@socikit/oci";
import { entryPath, WHITEOUT_PREFIX, whiteoutOf } from "./entry-path.ts";
import { SociIndexError } from "../errors.ts";

/** Id of the root; what FUSE calls its root, too. 0 means "none" in the columns. */
const ROOT = 1;
/**
 * Most entries of a tree, counted with the directories that nobody wrote down and what was replaced since. Images have a few hundred
 * thousand. So many take 0.4 GB at most, whatever their shape (names of 32 bytes).
 */
export const MAX_TREE_ENTRIES: number = 2_000_000;
/** Entries that are looked at in one go: less than 0.1 s, and 1 s where they imply so many directories that the tree is full. */
const STEP_ENTRIES = 16_384;
/** Attributes that no entry gives: a directory that only its children imply. */
const IMPLIED = -1;

/** Largest layer whose entries are kept while it is merged: 20 MB. */
const MAX_KEPT_ENTRIES = 131_072;

/** What decides where an entry goes. */
export interface EntryName {
  /** Path in the layer, as written. */
  readonly name: ByteString;
  /** `dir`, `hardlink`, or any other of a zTOC's types. */
  readonly type: string;
  /** Target of a hard link. */
  readonly linkname: ByteString;
}

/** The entries of a layer, in its order: a zTOC's table of contents is one, and so is an array. */
export interface EntryNames extends Iterable<EntryName> {
  readonly length: number;
  at(entry: number): EntryName | undefined;
}

/** An entry that the tree does not take, and why. */
export interface RefusedEntry {
  /** Its number in its layer's table of contents. */
  readonly entry: number;
  /** Its name, as written. */
  readonly name: ByteString;
  /** What is wrong with it. */
  readonly reason: string;
}

/** Children of a directory, by name. A map has 200 bytes, and an image may be directories of one child or none. */
type Children = Pick<ReadonlyMap<ByteString, number>, "get" | "keys" | "values" | "size">;

const NO_CHILDREN: Children = new Map();

class OneChild implements Children {
  readonly size: number = 1;
  readonly #name: ByteString;
  readonly #id: number;

  constructor(name: ByteString, id: number) {
    this.#name = name;
    this.#id = id;
  }
  get(name: ByteString): number | undefined {
    return name === this.#name ? this.#id : undefined;
  }
  keys(): MapIterator<ByteString> {
    return [this.#name].values();
  }
  values(): MapIterator<number> {
    return [this.#id].values();
  }
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
  readonly #children: (Children | undefined)[] = [undefined, NO_CHILDREN];
  readonly #maxEntries: number;
  /** Entries looked at since the last step's end. */
  #looked = 0;
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
   * @throws {SociIndexError} `ERR_SOCI_TOO_MANY_ENTRIES`.
   */
  add(layer: number, toc: EntryNames): RefusedEntry[] {
    const refused: RefusedEntry[] = [];
    const steps = this.addInSteps(layer, toc, (entry) => refused.push(entry));
    while (!steps.next().done);
    return refused;
  }

  /**
   * The same in steps of a few thousand entries, counted from layer to layer: between two of them there is time for other things.
   * The tree is half a layer further then, and is not to be used.
   *
   * @param onRefused Told of the entries that are not taken.
   */
  *addInSteps(
    layer: number,
    toc: EntryNames,
    onRefused: (refused: RefusedEntry) => void,
  ): Generator<void, void, undefined> {
    // Whiteouts come first, so every entry is looked at twice. Making its object twice takes a third of the time, keeping two million
    // takes 300 MB.
    const kept: EntryName[] | undefined = toc.length <= MAX_KEPT_ENTRIES ? [] : undefined;
    const whiteouts: number[] = [];
    let entry = 0;
    for (const { name, type, linkname } of toc) {
      if (this.#stepIsOver()) yield;
      kept?.push({ name, type, linkname });
      if (this.#applyWhiteout(name)) whiteouts.push(entry);
      entry++;
    }
    // The directory that a whiteout stands in is there, as it is when the layer is unpacked. The numbers are of this table.
    for (const whiteout of whiteouts) {
      if (this.#stepIsOver()) yield;
      const parents = entryPath(toc.at(whiteout)!.name)!.slice(0, -1);
      if (!parents.some(isReserved)) this.#ensureDirectory(parents);
    }
    entry = 0;
    let passed = 0;
    for (const meta of kept ?? toc) {
      if (this.#stepIsOver()) yield;
      if (whiteouts[passed] === entry) passed++;
      else {
        const reason = this.#place(layer, entry, meta);
        if (reason !== undefined) onRefused({ entry, name: meta.name, reason });
      }
      entry++;
    }
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
    this.#findStrays();
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

  #stepIsOver(): boolean {
    this.#looked = (this.#looked + 1) % STEP_ENTRIES;
    return this.#looked === 0;
  }

  /**
   * Hides what a whiteout hides, before any of its layer's entries is placed: it is about the layers below alone.
   *
   * @returns Whether the entry is one.
   */
  #applyWhiteout(entryName: ByteString): boolean {
    // Most names need no closer look.
    const path = entryName.includes(WHITEOUT_PREFIX) ? entryPath(entryName) : undefined;
    const whiteout = path?.length ? whiteoutOf(path.at(-1)!) : undefined;
    if (path === undefined || whiteout === undefined) return false;
    const directory = this.#walk(path.slice(0, -1));
    if (directory === undefined || !this.isDirectory(directory)) return true;
    if (whiteout.kind === "name") this.#unlink(directory, whiteout.name);
    else if (whiteout.kind === "opaque") for (const name of this.names(directory)) this.#unlink(directory, name);
    return true;
  }

  #place(layer: number, entry: number, meta: EntryName): string | undefined {
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
      this.#setChild(parent, name, id);
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
      throw new SociIndexError(
        "ERR_SOCI_TOO_MANY_ENTRIES",
        `Cannot merge layers: they have more than ${this.#maxEntries} entries`,
      );
    this.#layer.push(layer);
    this.#entry.push(entry);
    this.#links.push(directory ? 2 : 1);
    this.#parent.push(parent);
    this.#children.push(directory ? NO_CHILDREN : undefined);
    this.#setChild(parent, name, id);
    if (directory) this.#links[parent]!++;
    return id;
  }

  /** Adds a name that the directory does not have. */
  #setChild(parent: number, name: ByteString, id: number): void {
    const children = this.#children[parent]!;
    if (children === NO_CHILDREN) this.#children[parent] = new OneChild(name, id);
    else if (children instanceof Map) children.set(name, id);
    else {
      const [only] = children.keys();
      this.#children[parent] = new Map([
        [only!, children.get(only!)!],
        [name, id],
      ]);
    }
  }

  /** Removes a name, and with a directory all below it. A loop, not a recursion: depth is the image's choice. */
  #unlink(parent: number, name: ByteString): void {
    const pending: [parent: number, name: ByteString][] = [[parent, name]];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const children = this.#children[next[0]]!;
      const id = children.get(next[1]);
      if (id === undefined) continue;
      if (children.size === 1) this.#children[next[0]] = NO_CHILDREN;
      else (children as Map<ByteString, number>).delete(next[1]);
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

  /**
   * Gives files that lost a name one of their others as the way to their parent. It may have to walk the whole tree, so it is done
   * once, when somebody asks: ten thousand layers could make it necessary ten thousand times.
   */
  #findStrays(): void {
    for (const id of this.#strays) if (this.#links[id] === 0) this.#strays.delete(id);
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
  return component.startsWith(WHITEOUT_PREFIX);
}
