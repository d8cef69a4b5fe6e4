import type { ByteString } from "@socikit/oci";
import type { TableOfContents, TocEntry } from "@socikit/ztoc";
import { componentsOf } from "../tree/entry-path.ts";
import type { MergedTree } from "../tree/merged-tree.ts";
import { matchesName, type PatternComponent } from "./path-pattern.ts";
import type { SearchWork } from "./search-work.ts";

/** Symlinks that one path may lead through: Linux's own limit. */
const MAX_SYMLINKS = 40;

/** What most names fit. */
const NONE: readonly number[] = [];

/** Where a file's content is. */
export interface ImageFile {
  /** The layer's number among those merged. */
  readonly layer: number;
  /** The entry's number in that layer's table. */
  readonly entry: number;
}

/**
 * The files of merged layers, by path, directory or pattern. Ids are the tree's. Each name that is looked at is counted as work; the
 * generators give `undefined` where it is the others' turn.
 */
export class ImageFiles {
  readonly #tree: MergedTree;
  readonly #tables: readonly TableOfContents[];
  readonly #work: SearchWork;

  /** @param tables What the tree was merged of, in that order. */
  constructor(tree: MergedTree, tables: readonly TableOfContents[], work: SearchWork) {
    this.#tree = tree;
    this.#tables = tables;
    this.#work = work;
  }

  /** What is at a path. Symlinks are followed, and never lead out of the image. `undefined` where there is nothing. */
  find(path: readonly ByteString[]): number | undefined {
    return this.#follow(this.#tree.root, path);
  }

  /**
   * The regular files that something stands for: a file itself, of a directory all that is below it. Symlinks below it count
   * where they lead to a file; those to directories are not entered.
   */
  *filesAt(id: number): Generator<ImageFile | undefined> {
    if (!this.#tree.isDirectory(id)) {
      if (this.#entryOf(id)?.type === "reg") yield this.#tree.source(id)!;
      return;
    }
    const directories = [id];
    for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
      for (const name of this.#tree.names(directory)) {
        this.#work.spend(1);
        if (this.#work.isTurn) yield undefined;
        const child = this.#tree.child(directory, name)!;
        if (this.#tree.isDirectory(child)) directories.push(child);
        else {
          const file = this.#follow(directory, [name]);
          if (file !== undefined && !this.#tree.isDirectory(file)) yield* this.filesAt(file);
        }
      }
    }
  }

  /**
   * The regular files whose paths fit a pattern; symlinks count as what they lead to. Directories that fit are none. `**` does not
   * follow symlinks, every other component does.
   */
  *filesMatching(pattern: readonly PatternComponent[]): Generator<ImageFile | undefined> {
    // The pattern's components that may come next, by directory. Each is looked at once in each directory, so links that lead
    // in circles end.
    const seen = new Map<number, Set<number>>();
    const todo: { readonly directory: number; readonly next: readonly number[] }[] = [];
    const enter = (directory: number, next: readonly number[]): void => {
      const known = seen.get(directory) ?? new Set();
      const fresh = next.filter((at) => at < pattern.length && !known.has(at));
      if (fresh.length === 0) return;
      seen.set(directory, known);
      for (const at of fresh) known.add(at);
      todo.push({ directory, next: fresh });
    };
    enter(this.#tree.root, reachable(pattern, 0));
    for (let here = todo.pop(); here !== undefined; here = todo.pop()) {
      const { directory, next } = here;
      for (const name of this.#namesFor(directory, pattern, next)) {
        if (this.#work.isTurn) yield undefined;
        const fits = this.#fitting(pattern, next, name);
        if (fits === NONE) continue;
        const child = this.#tree.child(directory, name);
        if (child === undefined) continue;
        if (this.#tree.isDirectory(child)) {
          for (const at of fits) enter(child, reachable(pattern, isAnyDepth(pattern[at]) ? at : at + 1));
          continue;
        }
        // Of a file, a "**" that something follows says nothing.
        if (fits.length === 1 && isAnyDepth(pattern[fits[0]!]) && fits[0] !== pattern.length - 1) continue;
        const target = this.#follow(directory, [name]);
        if (target === undefined) continue;
        if (!this.#tree.isDirectory(target)) {
          if (fits.includes(pattern.length - 1)) yield* this.filesAt(target);
        } else for (const at of fits) if (!isAnyDepth(pattern[at])) enter(target, reachable(pattern, at + 1));
      }
    }
  }

  /** Names of a directory that may fit: those that stand in the pattern, where all that may come next are such, else all there are. */
  #namesFor(directory: number, pattern: readonly PatternComponent[], next: readonly number[]): Iterable<ByteString> {
    const literals = new Set<ByteString>();
    for (const at of next) {
      const component = pattern[at]!;
      if (component.kind === "any-depth" || component.literal === undefined) return this.#tree.names(directory);
      literals.add(component.literal);
    }
    return literals;
  }

  /** The components among `next` that a name fits. */
  #fitting(pattern: readonly PatternComponent[], next: readonly number[], name: ByteString): readonly number[] {
    let fits: number[] | undefined;
    let looks = 0;
    for (const at of next) {
      const component = pattern[at]!;
      looks++;
      if (component.kind === "name") {
        looks += Math.floor((name.length * component.length) / 1024);
        if (component.literal === undefined ? !matchesName(component, name) : name !== component.literal) continue;
      }
      if (fits === undefined) fits = [at];
      else fits.push(at);
    }
    this.#work.spend(looks);
    return fits ?? NONE;
  }

  /** Follows a path from a directory on. */
  #follow(from: number, path: readonly ByteString[]): number | undefined {
    let here = from;
    let symlinks = 0;
    const todo = [...path].reverse();
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      this.#work.spend(1);
      if (name === "..") {
        here = this.#tree.parent(here);
        continue;
      }
      const child = this.#tree.child(here, name);
      if (child === undefined) return undefined;
      const entry = this.#entryOf(child);
      if (this.#tree.isDirectory(child) || entry?.type !== "symlink") {
        here = child;
        continue;
      }
      symlinks++;
      if (symlinks > MAX_SYMLINKS || entry.linkname === "") return undefined;
      if (entry.linkname.startsWith("/")) here = this.#tree.root;
      todo.push(...componentsOf(entry.linkname).reverse());
    }
    return here;
  }

  #entryOf(id: number): TocEntry | undefined {
    const source = this.#tree.source(id);
    return source && this.#tables[source.layer]!.at(source.entry);
  }
}

function isAnyDepth(component: PatternComponent | undefined): boolean {
  return component?.kind === "any-depth";
}

/** The components that may come next where this one may: the one behind a `**` too, which stands for no directory as well. */
function reachable(pattern: readonly PatternComponent[], at: number): readonly number[] {
  return isAnyDepth(pattern[at]) ? [at, at + 1] : [at];
}
