import {
  algorithmOf,
  isRetryable,
  uploadBlob,
  type BlobCheck,
  type BlobReader,
  type BlobUpload,
  type BlobWriter,
  type CopyEvent,
  type Descriptor,
  type ReadOptions,
} from "@socikit/oci";
import type { LayerFeed } from "./open-layer.ts";

/**
 * Copies a blob while someone else reads it: the same bytes go to both. Where the upload breaks, the reader goes
 * on, and the blob is copied by itself afterwards.
 */
export class UploadFeed implements LayerFeed {
  readonly #target: BlobWriter;
  readonly #blob: Descriptor;
  readonly #tell: (event: CopyEvent) => void;
  readonly #options: ReadOptions;
  #upload: BlobUpload | undefined;
  /** Bytes that the target was last told to have. */
  #sent = 0;
  #isBroken = false;
  /** Whether the upload was thrown away, which may be before it has begun. */
  #isOver = false;

  constructor(target: BlobWriter, blob: Descriptor, tell: (event: CopyEvent) => void, options: ReadOptions) {
    this.#target = target;
    this.#blob = blob;
    this.#tell = tell;
    this.#options = options;
  }

  /** Where the reader begins anew, the upload is left to the end. */
  async begin(check: BlobCheck): Promise<void> {
    if (this.#upload !== undefined) this.#isBroken = true;
    await this.#unlessBroken(async () => {
      const upload = await this.#target.begin({
        ...this.#options,
        algorithm: algorithmOf(this.#blob.digest),
        expect: this.#blob,
        check,
      });
      this.#upload = upload;
      // Nobody waited for it.
      if (this.#isOver) await upload.abort();
    });
  }

  async send(bytes: Uint8Array): Promise<void> {
    await this.#unlessBroken(async () => {
      await this.#upload?.write(bytes, this.#options);
      // Registries get several chunks in one request.
      if (this.#upload !== undefined && this.#upload.offset !== this.#sent) this.#tellSent(this.#upload.offset);
    });
  }

  /** Ends the upload, after the layer's end. */
  async finish(source: Pick<BlobReader, "open">): Promise<void> {
    await this.#unlessBroken(() => this.#upload?.commit(this.#blob.digest, this.#options));
    if (this.#upload !== undefined && !this.#isBroken) return;
    await this.#upload?.abort();
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
    this.#isOver = true;
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
