import {
  algorithmOf,
  chunksOf,
  isRetryable,
  uploadBlob,
  type BlobReader,
  type BlobUpload,
  type BlobWriter,
  type CopyEvent,
  type Descriptor,
  type ReadOptions,
} from "@socikit/oci";

/**
 * Copies a blob while someone else reads it: the bytes of one stream go to both. Where the upload breaks, the reader goes
 * on, and the blob is copied by itself afterwards.
 */
export class UploadFeed {
  readonly #target: BlobWriter;
  readonly #blob: Descriptor;
  readonly #tell: (event: CopyEvent) => void;
  readonly #options: ReadOptions;
  #upload: BlobUpload | undefined;
  /** Bytes that the target was last told to have. */
  #sent = 0;
  #isBroken = false;

  constructor(target: BlobWriter, blob: Descriptor, tell: (event: CopyEvent) => void, options: ReadOptions) {
    this.#target = target;
    this.#blob = blob;
    this.#tell = tell;
    this.#options = options;
  }

  /**
   * The stream's bytes, sent on their way. A chunk is sent while it is read, and both are done with it before the next. Where the
   * reader begins anew, the upload is left to the end.
   */
  async *through(
    stream: ReadableStream<Uint8Array>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { digest } = this.#blob;
    if (this.#upload === undefined)
      await this.#unlessBroken(async () => {
        this.#upload = await this.#target.begin({
          ...this.#options,
          algorithm: algorithmOf(digest),
          expect: this.#blob,
        });
      });
    else this.#isBroken = true;
    for await (const chunk of chunksOf(stream, signal)) {
      const sent = this.#unlessBroken(async () => {
        await this.#upload?.write(chunk, this.#options);
        // Registries get several chunks in one request.
        if (this.#upload !== undefined && this.#upload.offset !== this.#sent) this.#tellSent(this.#upload.offset);
      });
      // Who stops reading does not wait for it.
      sent.catch(() => {});
      yield chunk;
      await sent;
    }
  }

  /** Ends the upload, after the stream's end. */
  async finish(source: Pick<BlobReader, "open">): Promise<void> {
    await this.#unlessBroken(() => this.#upload?.commit(this.#blob.digest, this.#options));
    if (this.#upload !== undefined && !this.#isBroken) return;
    await this.abort();
    const { digest, size } = this.#blob;
    this.#tell({ v: 1, type: "blob-started", digest, size });
    const opened = await source.open(this.#blob, this.#options);
    try {
      await uploadBlob(this.#target, opened, this.#blob, {
        ...this.#options,
        onProgress: (bytes) => this.#tellSent(bytes),
      });
    } finally {
      await opened.close?.();
    }
  }

  /** Throws the upload away. Never fails. */
  async abort(): Promise<void> {
    await this.#upload?.abort();
  }

  #tellSent(bytes: number): void {
    this.#sent = bytes;
    const { digest, size } = this.#blob;
    this.#tell({ v: 1, type: "blob-progress", digest, size, bytes });
  }

  async #unlessBroken(work: () => Promise<unknown> | undefined): Promise<void> {
    if (this.#isBroken) return;
    try {
      await work();
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      if (!isRetryable(error)) throw error;
      this.#isBroken = true;
    }
  }
}
