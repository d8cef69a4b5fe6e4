import { toByteString, toDisplay, type ByteString, type ReadOptions } from "@socikit/oci";
import { onAbort } from "./abort-listeners.ts";
import { componentsOf, MAX_PATH_BYTES } from "@socikit/soci-index";
import { LazyReadError } from "./errors.ts";
import type { Attributes, FileTree } from "./file-tree.ts";

/** Symlinks that one path may lead through: Linux's own limit. */
export const MAX_SYMLINKS: number = 40;

/** An entry, and where it is. */
export interface FileInfo extends Attributes {
  /** Where it is: `/` and names, no symlink among the directories. Bytes; see `toDisplay`. */
  readonly path: ByteString;
  /** Target of a symlink, as written. */
  readonly linkname?: ByteString;
}

/** Options of a listing. */
export interface ListOptions extends ReadOptions {
  /** With everything below, each directory before what is in it. Symlinks are listed, not entered. */
  readonly recursive?: boolean | undefined;
}

/** Options of a read. */
export interface ReadFileOptions extends ReadOptions {
  /** Bytes of the file, half open, clamped to its size. All of it unless given. */
  readonly range?: { readonly start: number; readonly end: number } | undefined;
}

/**
 * Files by their paths. A path is a `string` (UTF-8) or bytes, from the image's root, with or without a leading slash. Symlinks among
 * its directories are followed, and never lead outside: `..` stops at the root, and an absolute target starts there.
 */
export interface PathReader {
  /**
   * What is at a path; a symlink itself, unless the path ends in a slash.
   *
   * Rejects with `ERR_LAZY_NOT_FOUND`, `ERR_LAZY_NOT_A_DIRECTORY`, `ERR_LAZY_SYMLINK_LOOP`.
   */
  stat(path: string | Uint8Array, options?: ReadOptions): Promise<FileInfo>;
  /** The same, following a symlink at the end, too. */
  resolve(path: string | Uint8Array, options?: ReadOptions): Promise<FileInfo>;
  /** What is in a directory, by name in byte order. Rejects with `ERR_LAZY_NOT_A_DIRECTORY` for anything else. */
  list(path: string | Uint8Array, options?: ListOptions): AsyncIterable<FileInfo>;
  /**
   * Reads a file, or a range of it, into memory, following symlinks. The caller owns the result.
   *
   * Rejects as `resolve` does, with `ERR_LAZY_NOT_A_FILE`, `ERR_LAZY_FILE_TOO_LARGE` past 1 GiB, and as reading the layer does:
   * `ERR_LAZY_SPAN_DIGEST`, `ERR_LAZY_HEADER_MISMATCH`, `ERR_LAZY_ENTRY_REFUSED` and their kin.
   */
  read(path: string | Uint8Array, options?: ReadFileOptions): Promise<Uint8Array>;
  /** The same as it is verified. Cancelling it ends the fetches under way. */
  stream(path: string | Uint8Array, options?: ReadFileOptions): ReadableStream<Uint8Array>;
}

interface Found {
  readonly attributes: Attributes;
  readonly path: ByteString;
}

/** Paths over any file tree. */
export function createPathReader(tree: FileTree): PathReader {
  async function find(path: string | Uint8Array, followLast: boolean, options?: ReadOptions): Promise<Found> {
    const wanted = toByteString(path);
    const fail = (code: "ERR_LAZY_NOT_FOUND" | "ERR_LAZY_NOT_A_DIRECTORY" | "ERR_LAZY_SYMLINK_LOOP", what: string) =>
      new LazyReadError(code, `Cannot find "${toDisplay(wanted)}": ${what}`);
    if (wanted.length > MAX_PATH_BYTES)
      throw fail("ERR_LAZY_NOT_FOUND", `a path has at most ${MAX_PATH_BYTES} bytes, this one ${wanted.length}`);
    const mustBeDirectory = wanted.endsWith("/") || /(?:^|\/)\.\.?$/.test(wanted);
    // Where we are, from the root down, and the components still to go, the next one last.
    const trail: { readonly attributes: Attributes; readonly name: ByteString }[] = [
      { attributes: await tree.stat(tree.root, options), name: "" as ByteString },
    ];
    const todo = componentsOf(wanted).reverse();
    const pathOf = (): ByteString =>
      `/${trail
        .slice(1)
        .map(({ name }) => name)
        .join("/")}` as ByteString;
    let symlinks = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      options?.signal?.throwIfAborted();
      const here = trail.at(-1)!.attributes;
      if (here.type !== "directory")
        throw fail("ERR_LAZY_NOT_A_DIRECTORY", `"${toDisplay(pathOf())}" is a ${here.type}`);
      if (name === "..") {
        if (trail.length > 1) trail.pop();
        continue;
      }
      const attributes = await tree.lookup(here.id, name, options);
      if (attributes === undefined)
        throw fail("ERR_LAZY_NOT_FOUND", `there is no "${toDisplay(name)}" in "${toDisplay(pathOf())}"`);
      if (attributes.type !== "symlink" || (todo.length === 0 && !followLast && !mustBeDirectory)) {
        trail.push({ attributes, name });
        continue;
      }
      const target = await tree.readlink(attributes.id, options);
      symlinks++;
      if (symlinks > MAX_SYMLINKS)
        throw fail("ERR_LAZY_SYMLINK_LOOP", `it leads through more than ${MAX_SYMLINKS} symlinks`);
      if (target.length === 0 || target.length > MAX_PATH_BYTES)
        throw fail("ERR_LAZY_NOT_FOUND", `the target of symlink "${toDisplay(name)}" has ${target.length} bytes`);
      if (target.startsWith("/")) trail.length = 1;
      todo.push(...componentsOf(target).reverse());
    }
    const { attributes } = trail.at(-1)!;
    if (mustBeDirectory && attributes.type !== "directory")
      throw fail("ERR_LAZY_NOT_A_DIRECTORY", `"${toDisplay(pathOf())}" is a ${attributes.type}`);
    return { attributes, path: pathOf() };
  }

  async function infoOf(attributes: Attributes, path: ByteString, options?: ReadOptions): Promise<FileInfo> {
    if (attributes.type !== "symlink") return { ...attributes, path };
    return { ...attributes, path, linkname: await tree.readlink(attributes.id, options) };
  }

  async function* entriesOf(
    id: number,
    options?: ReadOptions,
  ): AsyncIterable<Attributes & { readonly name: ByteString }> {
    let cursor = 0;
    for (;;) {
      // Pages follow one another by their cursor.
      const page = await tree.readdir(id, cursor, options);
      if (page.length === 0) return;
      yield* page;
      cursor += page.length;
    }
  }

  async function* list(path: string | Uint8Array, options?: ListOptions): AsyncIterable<FileInfo> {
    const found = await find(path, true, options);
    if (found.attributes.type !== "directory")
      throw new LazyReadError(
        "ERR_LAZY_NOT_A_DIRECTORY",
        `Cannot list "${toDisplay(found.path)}": it is a ${found.attributes.type}`,
      );
    // A stack of listings under way, not a recursion: depth is the image's choice.
    const open = [{ path: found.path, entries: entriesOf(found.attributes.id, options)[Symbol.asyncIterator]() }];
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      options?.signal?.throwIfAborted();
      const next = await top.entries.next();
      if (next.done) {
        open.pop();
        continue;
      }
      const { name, ...attributes } = next.value;
      const path = `${top.path === "/" ? "" : top.path}/${name}` as ByteString;
      yield await infoOf(attributes, path, options);
      if (options?.recursive && attributes.type === "directory")
        open.push({ path, entries: entriesOf(attributes.id, options)[Symbol.asyncIterator]() });
    }
  }

  async function openFile(path: string | Uint8Array, options?: ReadOptions) {
    const { attributes, path: found } = await find(path, true, options);
    if (attributes.type !== "file")
      throw new LazyReadError("ERR_LAZY_NOT_A_FILE", `Cannot read "${toDisplay(found)}": it is a ${attributes.type}`);
    return { file: await tree.open(attributes.id, options), size: attributes.size };
  }

  return {
    async stat(path, options) {
      const { attributes, path: found } = await find(path, false, options);
      return infoOf(attributes, found, options);
    },
    async resolve(path, options) {
      const { attributes, path: found } = await find(path, true, options);
      return infoOf(attributes, found, options);
    },
    list,
    async read(path, options = {}) {
      const { start, end } = checkRange(options.range);
      const { file, size } = await openFile(path, options);
      try {
        return await file.read(start, Math.max(0, Math.min(end, size) - start), options);
      } finally {
        await file.close();
      }
    },
    stream(path, options = {}) {
      const { start, end } = checkRange(options.range);
      const leaving = new AbortController();
      const scoped = { ...options, signal: leaving.signal };
      async function* chunks(): AsyncGenerator<Uint8Array, void> {
        options.signal?.throwIfAborted();
        const stop = onAbort(options.signal, () => leaving.abort(options.signal?.reason));
        try {
          const { file, size } = await openFile(path, scoped);
          try {
            yield* file.chunks(Math.min(start, size), Math.max(start, Math.min(end, size)), scoped);
          } finally {
            await file.close();
          }
        } finally {
          stop();
        }
      }
      const reading = chunks();
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const { done, value } = await reading.next();
            if (done) controller.close();
            else controller.enqueue(value);
          },
          async cancel(reason) {
            // First the fetch that a pull may be waiting for: the generator ends after it.
            leaving.abort(reason);
            await reading.return().catch(() => {});
          },
        },
        { highWaterMark: 0 },
      );
    },
  };
}

function checkRange(range: ReadFileOptions["range"]): { readonly start: number; readonly end: number } {
  if (range === undefined) return { start: 0, end: Number.MAX_SAFE_INTEGER };
  const { start, end } = range;
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start)
    throw new RangeError(`Cannot read file: [${start}, ${end}) is not a range of bytes`);
  return range;
}
