import { concatBytes, toDisplay, type ReadOptions } from "@socikit/oci";
import { compareTarHeader, sparseForm, type TocEntry } from "@socikit/ztoc";
import { onAbort } from "./abort-listeners.ts";
import { LazyReadError } from "./errors.ts";
import type { OpenFile } from "./file-tree.ts";
import type { LazyLayer } from "./lazy-layer.ts";

/** Header blocks of one entry that are read to verify it: a PAX record and both GNU long names, 1 MiB each, with room. */
export const MAX_HEADER_BYTES: number = 4 * 1024 * 1024;
/** Content between a header and the bytes wanted that is read through rather than asked for around. */
const SAME_READ_BYTES = 64 * 1024;
/** Most bytes that one positioned read returns: what a caller that asks for more gets in one array is its own file's size. */
export const MAX_READ_BYTES: number = 1024 * 1024 * 1024;

/** Reads the contents of a layer's entries, each after its tar header has been compared with the table of contents. */
export class EntryContents {
  readonly #layer: LazyLayer;
  readonly #verified = new Set<number>();

  constructor(layer: LazyLayer) {
    this.#layer = layer;
  }

  /**
   * Opens an entry's content. Nothing is fetched.
   *
   * @throws {LazyReadError} `ERR_LAZY_ENTRY_REFUSED` where what the table of contents says of it cannot be, or its content is not what
   * a reader would see (sparse files).
   */
  open(entry: number): OpenFile {
    const meta = this.#layer.toc.at(entry);
    this.#refuseOdd(meta);
    const size = meta.uncompressedSize;
    const chunks = (start: number, end: number, options?: ReadOptions): AsyncIterable<Uint8Array> =>
      this.#chunks(entry, meta, Math.min(start, size), Math.min(end, size), options);
    return {
      chunks(start, end, options) {
        checkRange(start, end);
        return chunks(start, end, options);
      },
      async read(offset, length, options) {
        checkRange(offset, offset + length);
        const wanted = Math.min(offset + length, size) - Math.min(offset, size);
        if (wanted > MAX_READ_BYTES)
          throw new LazyReadError(
            "ERR_LAZY_FILE_TOO_LARGE",
            `Cannot read "${toDisplay(meta.name)}" into memory: ${wanted} bytes are more than ${MAX_READ_BYTES}; stream it, or read a range of it`,
          );
        return concat(chunks(offset, offset + length, options));
      },
      close: () => Promise.resolve(),
    };
  }

  #refuseOdd(meta: TocEntry): void {
    const { uncompressedOffset: start, uncompressedSize: size, headerOffset, paxRecords } = meta;
    const refuse = (what: string): LazyReadError =>
      new LazyReadError(
        "ERR_LAZY_ENTRY_REFUSED",
        `Cannot open "${toDisplay(meta.name)}" of layer ${this.#layer.layer.digest}: ${what}`,
      );
    if (sparseForm(paxRecords) !== undefined)
      throw refuse("it is a sparse file, whose content a table of contents cannot locate");
    if (
      !(start >= 0 && size >= 0) ||
      !Number.isSafeInteger(start + size) ||
      !this.#layer.contains({ start, end: start + size })
    )
      throw refuse(`the index says it ends at byte ${start + size}, past the end of the layer`);
    if (this.#layer.derived) return;
    // A tar entry has a header of at least a block. Without one there is nothing to compare with, so nothing may come out.
    if (!(headerOffset >= 0 && headerOffset < start))
      throw refuse(`the index says its header is at byte ${headerOffset}, and its content at ${start}`);
    if (start - headerOffset > MAX_HEADER_BYTES)
      throw refuse(`the index says its header has ${start - headerOffset} bytes, more than ${MAX_HEADER_BYTES}`);
    if (!this.#layer.contains({ start: headerOffset, end: start })) throw refuse("its header is outside the layer");
  }

  async *#chunks(
    entry: number,
    meta: TocEntry,
    start: number,
    end: number,
    options?: ReadOptions,
  ): AsyncIterable<Uint8Array> {
    const at = meta.uncompressedOffset;
    const content = { start: at + start, end: at + Math.max(start, end) };
    if (this.#layer.derived || this.#verified.has(entry)) {
      yield* this.#layer.chunks(content, options);
      return;
    }
    const header = { start: meta.headerOffset, end: at };
    if (start > SAME_READ_BYTES) {
      yield* this.#verifiedBeside(entry, meta, content, options);
      return;
    }
    // The header lies before the content: one read, most often of one span, brings both.
    const until = content.start < content.end ? content.end : header.end;
    const headerBytes = new Uint8Array(header.end - header.start);
    let filled = 0;
    let before = content.start - header.end;
    for await (const chunk of this.#layer.chunks({ start: header.start, end: until }, options)) {
      const ofHeader = Math.min(chunk.length, headerBytes.length - filled);
      if (ofHeader > 0) {
        headerBytes.set(chunk.subarray(0, ofHeader), filled);
        filled += ofHeader;
        if (filled < headerBytes.length) continue;
        this.#verify(entry, meta, headerBytes);
      }
      // From here on the header has been compared.
      const skipped = Math.min(chunk.length - ofHeader, before);
      before -= skipped;
      const from = ofHeader + skipped;
      if (from < chunk.length) yield from === 0 ? chunk : chunk.slice(from);
    }
    // A layer that ends within the header has none to compare.
    if (filled < headerBytes.length) this.#verify(entry, meta, headerBytes.subarray(0, filled));
  }

  /** Fetches a header and content far behind it at the same time, and lets no content out before the header has been seen. */
  async *#verifiedBeside(
    entry: number,
    meta: TocEntry,
    content: { readonly start: number; readonly end: number },
    options?: ReadOptions,
  ): AsyncIterable<Uint8Array> {
    const leaving = new AbortController();
    options?.signal?.throwIfAborted();
    const stop = onAbort(options?.signal, () => leaving.abort(options?.signal?.reason));
    const scoped: ReadOptions = { ...options, signal: leaving.signal };
    const chunks = this.#layer.chunks(content, scoped)[Symbol.asyncIterator]();
    try {
      const first = chunks.next();
      first.catch(() => {});
      this.#verify(
        entry,
        meta,
        await concat(this.#layer.chunks({ start: meta.headerOffset, end: meta.uncompressedOffset }, scoped)),
      );
      for (let next = await first; !next.done; next = await chunks.next()) yield next.value;
    } finally {
      stop();
      leaving.abort();
      // Not waited for: it ends when the fetch that it may be in has taken note of the abort.
      chunks.return?.().catch(() => {});
    }
  }

  #verify(entry: number, meta: TocEntry, header: Uint8Array): void {
    const difference = compareTarHeader(meta, header);
    if (difference !== undefined)
      throw new LazyReadError(
        "ERR_LAZY_HEADER_MISMATCH",
        `Cannot read "${toDisplay(meta.name)}" of layer ${this.#layer.layer.digest}: its tar header is not what the index says: ${difference}`,
      );
    this.#verified.add(entry);
  }
}

/** All bytes of some chunks, in one array. */
export async function concat(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all.length === 1 ? all[0]! : concatBytes(all);
}

function checkRange(start: number, end: number): void {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start)
    throw new RangeError(`Cannot read file: [${start}, ${end}) is not a range of bytes`);
}
