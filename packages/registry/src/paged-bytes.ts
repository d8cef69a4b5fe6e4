import { checkBlobRange, type BlobSource } from "@socikit/oci";

/** Bytes of a page, and of a streamed chunk. */
const PAGE = 256 * 1024;

/** Bytes that grow at the end, in pages: a blob of gigabytes needs no buffer of that size, and any range is found at once. */
export class PagedBytes {
  readonly #pages: Uint8Array[] = [];
  #length = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** Adds a copy of `bytes`. */
  append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const used = this.#length % PAGE;
      const take = Math.min(PAGE - used, bytes.length - at);
      this.#pageFor(used, take).set(bytes.subarray(at, at + take), used);
      at += take;
      this.#length += take;
    }
  }

  /** Frees what the last page has beyond the end. */
  trim(): void {
    const used = this.#length % PAGE;
    const last = this.#pages.at(-1);
    if (used > 0 && last !== undefined && last.length > used) this.#pages[this.#pages.length - 1] = last.slice(0, used);
  }

  /** The bytes in order, as views. */
  *chunks(): Iterable<Uint8Array> {
    for (let at = 0; at < this.#length; at += PAGE) yield this.#view(at, Math.min(this.#length, at + PAGE));
  }

  /** Random access to the bytes so far; reads return copies. */
  source(): BlobSource {
    const size = this.#length;
    const copy = (start: number, end: number): Uint8Array => {
      const bytes = new Uint8Array(end - start);
      for (let at = start; at < end;) {
        const pageEnd = Math.min(end, (Math.floor(at / PAGE) + 1) * PAGE);
        bytes.set(this.#view(at, pageEnd), at - start);
        at = pageEnd;
      }
      return bytes;
    };
    return {
      size,
      async read(offset, length, options) {
        options?.signal?.throwIfAborted();
        checkBlobRange(size, offset, length);
        return copy(offset, offset + length);
      },
      stream(offset, length, options) {
        checkBlobRange(size, offset, length);
        let at = offset;
        const end = offset + length;
        return new ReadableStream<Uint8Array>(
          {
            pull(controller) {
              options?.signal?.throwIfAborted();
              if (at === end) return controller.close();
              const next = Math.min(end, at + PAGE);
              controller.enqueue(copy(at, next));
              at = next;
            },
          },
          { highWaterMark: 0 },
        );
      },
    };
  }

  /** The last page, with room for `take` bytes from `used` on. The first page grows by doubling: most uploads are small. */
  #pageFor(used: number, take: number): Uint8Array {
    const last = this.#pages.at(-1);
    if (used === 0 || last === undefined) {
      const page = new Uint8Array(this.#pages.length === 0 ? Math.min(PAGE, Math.max(1024, take)) : PAGE);
      this.#pages.push(page);
      return page;
    }
    if (last.length >= used + take) return last;
    const page = new Uint8Array(Math.min(PAGE, Math.max(2 * last.length, used + take)));
    page.set(last.subarray(0, used));
    this.#pages[this.#pages.length - 1] = page;
    return page;
  }

  /** A view of `[start, end)`, which lies in one page. */
  #view(start: number, end: number): Uint8Array {
    const page = this.#pages[Math.floor(start / PAGE)] ?? new Uint8Array(0);
    const from = start % PAGE;
    return page.subarray(from, from + end - start);
  }
}
