import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import {
  algorithmOf,
  createDigester,
  hexOf,
  OciError,
  type BlobUpload,
  type Descriptor,
  type Digest,
  type DigestAlgorithm,
  type Digester,
  type ReadOptions,
} from "@socikit/oci";
import { isMissingFile, syncDirectory } from "@socikit/oci/node";
import { RegistryError } from "../errors.ts";
import { isUploadId, uploadId } from "../upload-id.ts";

/** Not a folder of digests, and on the file system that the blobs are on: `blobs` may be a link. */
const PREFIX = ".socikit-upload-";
/** Milliseconds after which an upload that nobody resumed is removed. */
const ABANDONED_MS = 24 * 3600 * 1000;
const READ_SIZE = 1024 * 1024;

/** What the uploads of one layout share. */
interface Uploads {
  /** The layout's `blobs`. */
  readonly blobs: string;
  /** Whether what is written has to outlive the machine. */
  readonly sync: boolean;
  /** Those that are being written. */
  readonly open: Set<string>;
}

/** Uploads into a layout's `blobs`: files beside the folders of digests, renamed into one of them when whole and verified. */
export class LayoutUploads {
  readonly #uploads: Uploads;
  #swept = false;

  /** @param sync Whether what is written has to outlive the machine. */
  constructor(blobs: string, sync: boolean) {
    this.#uploads = { blobs, sync, open: new Set() };
  }

  /** Starts an upload. The first one removes what was abandoned a day ago. */
  async begin(algorithm: DigestAlgorithm): Promise<BlobUpload> {
    await mkdir(this.#uploads.blobs, { recursive: true });
    await this.#sweep();
    const id = uploadId();
    const file = await open(join(this.#uploads.blobs, PREFIX + id), "wx+");
    this.#uploads.open.add(id);
    return new LayoutUpload(this.#uploads, id, file, 0, { algorithm, digester: createDigester(algorithm) });
  }

  /** Takes an upload up again, another process's included. */
  async resume(id: string): Promise<BlobUpload> {
    if (this.#uploads.open.has(id))
      throw new RegistryError("ERR_REGISTRY_UPLOAD_BUSY", `Cannot resume upload: "${id}" is being written`);
    if (!isUploadId(id)) throw unknownUpload(id);
    // Before anything is waited for: of two at once, one is told.
    this.#uploads.open.add(id);
    let file: FileHandle | undefined;
    try {
      file = await open(join(this.#uploads.blobs, PREFIX + id), "r+");
      const { size } = await file.stat();
      return new LayoutUpload(this.#uploads, id, file, size, undefined);
    } catch (error) {
      this.#uploads.open.delete(id);
      await file?.close();
      throw isMissingFile(error) ? unknownUpload(id, error) : error;
    }
  }

  async #sweep(): Promise<void> {
    if (this.#swept) return;
    this.#swept = true;
    for (const name of await readdir(this.#uploads.blobs)) {
      if (!name.startsWith(PREFIX)) continue;
      const path = join(this.#uploads.blobs, name);
      try {
        if (Date.now() - (await stat(path)).mtimeMs > ABANDONED_MS) await rm(path);
      } catch (error) {
        // Another process swept it.
        if (!isMissingFile(error)) throw error;
      }
    }
  }
}

function unknownUpload(id: string, cause?: unknown): RegistryError {
  return new RegistryError(
    "ERR_REGISTRY_UPLOAD_UNKNOWN",
    `Cannot resume upload: there is none called ${JSON.stringify(id.slice(0, 100))}`,
    { cause },
  );
}

class LayoutUpload implements BlobUpload {
  readonly id: string;
  readonly #uploads: Uploads;
  readonly #path: string;
  /** The hash so far; gone where the upload was resumed, and the file is read again in the end. */
  readonly #hash: { readonly algorithm: DigestAlgorithm; readonly digester: Digester } | undefined;
  #file: FileHandle | undefined;
  #offset: number;

  constructor(
    uploads: Uploads,
    id: string,
    file: FileHandle,
    offset: number,
    hash: { readonly algorithm: DigestAlgorithm; readonly digester: Digester } | undefined,
  ) {
    this.id = id;
    this.#uploads = uploads;
    this.#path = join(uploads.blobs, PREFIX + id);
    this.#file = file;
    this.#offset = offset;
    this.#hash = hash;
  }

  get offset(): number {
    return this.#offset;
  }

  async write(bytes: Uint8Array, options?: ReadOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    const file = this.#held();
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await file.write(bytes, at, bytes.length - at, this.#offset + at);
      at += bytesWritten;
    }
    this.#hash?.digester.update(bytes);
    this.#offset += bytes.length;
  }

  async commit(digest: Digest, options?: ReadOptions): Promise<Descriptor> {
    options?.signal?.throwIfAborted();
    const file = this.#held();
    try {
      const algorithm = algorithmOf(digest);
      const found =
        this.#hash?.algorithm === algorithm ? this.#hash.digester.digest() : await this.#read(file, algorithm);
      if (found !== digest)
        throw new OciError("ERR_OCI_DIGEST_MISMATCH", `Cannot store ${digest}: the bytes have digest ${found}`);
      const { blobs, sync } = this.#uploads;
      if (sync) await file.sync();
      await this.#letGo();
      const folder = join(blobs, algorithm);
      if ((await mkdir(folder, { recursive: true })) !== undefined && sync) await syncDirectory(blobs);
      // Over one that may be there: that one may be what a power loss left.
      await rename(this.#path, join(folder, hexOf(digest)));
      if (sync) await syncDirectory(folder);
    } catch (error) {
      await this.abort();
      throw error;
    }
    return { mediaType: "application/octet-stream", digest, size: this.#offset };
  }

  async suspend(): Promise<void> {
    await this.#letGo();
  }

  async abort(): Promise<void> {
    await this.#letGo().catch(() => {});
    await rm(this.#path, { force: true }).catch(() => {});
  }

  #held(): FileHandle {
    if (this.#file === undefined)
      throw new RegistryError(
        "ERR_REGISTRY_UPLOAD_UNKNOWN",
        `Cannot write upload: "${this.id}" has ended or is suspended`,
      );
    return this.#file;
  }

  async #letGo(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#uploads.open.delete(this.id);
    await file?.close();
  }

  async #read(file: FileHandle, algorithm: DigestAlgorithm): Promise<Digest> {
    const digester = createDigester(algorithm);
    const buffer = new Uint8Array(READ_SIZE);
    for (let at = 0; ;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) return digester.digest();
      digester.update(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
  }
}
