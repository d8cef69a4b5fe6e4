import type { ByteString } from "@socikit/oci";
import type { TableOfContents, TocEntry } from "@socikit/ztoc";
import { componentsOf } from "../tree/entry-path.ts";
import type { MergedTree } from "../tree/merged-tree.ts";
import { matchesName, type PatternComponent } from "./path-pattern.ts";

/** Symlinks that one path may lead through: Linux's own limit. */
const MAX_SYMLINKS = 40;

/** Where a file's content is. */
export interface ImageFile {
  /** The layer's number among those merged. */
  readonly layer: number;
  /** The entry's number in that layer's table. */
  readonly entry: number;
}

/** The files of merged layers, by path, directory or pattern. Ids are the tree's. */
export class ImageFiles {
  readonly #tree: MergedTree;
  readonly #tables: readonly TableOfContents[];

  /** @param tables What the tree was merged of, in that order. */
  constructor(tree: MergedTree, tables: readonly TableOfContents[]) {
    this.#tree = tree;
    this.#tables = tables;
  }

  /** What is at a path. Symlinks are followed, and never lead out of the image. `undefined` where there is nothing. */
  find(path: readonly ByteString[]): number | undefined {
    return this.#follow(this.#tree.root, path);
  }

  /**
   * The regular files that something stands for: a file itself, of a directory all that is below it. Symlinks below it count
   * where they lead to a file; those to directories are not entered.
   */
  *filesAt(id: number): Generator<ImageFile> {
    if (!this.#tree.isDirectory(id)) {
      if (this.#entryOf(id)?.type === "reg") yield this.#tree.source(id)!;
      return;
    }
    const directories = [id];
    for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
      for (const name of this.#tree.names(directory)) {
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
  *filesMatching(pattern: readonly PatternComponent[]): Generator<ImageFile> {
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
      for (const name of this.#tree.names(directory)) {
        const child = this.#tree.child(directory, name)!;
        const fits = next.filter((at) => fitsName(pattern[at]!, name));
        if (fits.length === 0) continue;
        if (this.#tree.isDirectory(child)) {
          for (const at of fits) enter(child, reachable(pattern, isAnyDepth(pattern[at]) ? at : at + 1));
          continue;
        }
        const target = this.#follow(directory, [name]);
        if (target === undefined) continue;
        if (!this.#tree.isDirectory(target)) {
          if (fits.some((at) => isLast(pattern, at))) yield* this.filesAt(target);
        } else for (const at of fits) if (!isAnyDepth(pattern[at])) enter(target, reachable(pattern, at + 1));
      }
    }
  }

  /** Follows a path from a directory on. */
  #follow(from: number, path: readonly ByteString[]): number | undefined {
    let here = from;
    let symlinks = 0;
    const todo = [...path].reverse();
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
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

function fitsName(component: PatternComponent, name: ByteString): boolean {
  return component.kind === "any-depth" || matchesName(component.parts, name);
}

/** The components that may come next where this one may: those behind a `**` too, which stands for no directory as well. */
function reachable(pattern: readonly PatternComponent[], at: number): readonly number[] {
  const next = [at];
  while (isAnyDepth(pattern[next.at(-1)!])) next.push(next.at(-1)! + 1);
  return next;
}

/** Whether a file's name that fits the component ends the path. */
function isLast(pattern: readonly PatternComponent[], at: number): boolean {
  return pattern.slice(at + 1).every((component) => isAnyDepth(component) && isAnyDepth(pattern[at]));
}
