import { readlinkSync } from "node:fs";
import { open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import {
  algorithmOf,
  createDigester,
  digestOf,
  hexOf,
  OciError,
  type BeginOptions,
  type BlobCheck,
  type BlobUpload,
  type Descriptor,
  type Digest,
  type DigestAlgorithm,
  type Digester,
  type ReadOptions,
} from "@socikit/oci";
import { isMissingFile, isRunning, makeDirectory, syncDirectory } from "@socikit/oci/node";
import { RegistryError } from "../errors.ts";
import { isUploadId, uploadId } from "../upload-id.ts";

/** Not a folder of digests, and on the file system that the blobs are on: `blobs` may be a link. */
const PREFIX = ".socikit-upload-";
/** Milliseconds after which an upload that nobody resumed, or that another machine's process writes, is removed. */
const ABANDONED_MS = 24 * 3600 * 1000;
const READ_SIZE = 1024 * 1024;
/**
 * Bytes after which the disk is set to work while more are coming. With all of it left to the end, the end waits for the disk and the
 * disk has waited for us.
 */
const SYNC_STEP: number = 8 * 1024 * 1024;

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

  /** Starts an upload. The first one removes those of processes that have ended, and what was abandoned a day ago. */
  async begin({ algorithm = "sha256", check }: BeginOptions): Promise<BlobUpload> {
    await makeDirectory(this.#uploads.blobs);
    await this.#sweep();
    const id = uploadId();
    const file = await open(heldPath(this.#uploads, id), "wx+");
    this.#uploads.open.add(id);
    const hash = check ?? { algorithm, digester: createDigester(algorithm) };
    return new LayoutUpload(this.#uploads, id, file, 0, hash);
  }

  /** Takes an upload up again that was suspended, by another process too. */
  async resume(id: string): Promise<BlobUpload> {
    if (this.#uploads.open.has(id))
      throw new RegistryError("ERR_REGISTRY_UPLOAD_BUSY", `Cannot resume upload: "${id}" is being written`);
    if (!isUploadId(id)) throw unknownUpload(id);
    // Before anything is waited for: of two at once, one is told.
    this.#uploads.open.add(id);
    let file: FileHandle | undefined;
    try {
      // Of two processes at once, one finds it.
      await rename(suspendedPath(this.#uploads, id), heldPath(this.#uploads, id));
      file = await open(heldPath(this.#uploads, id), "r+");
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
        if (hasEnded(name) || Date.now() - (await stat(path)).mtimeMs > ABANDONED_MS) await rm(path);
      } catch (error) {
        // Another process swept it.
        if (!isMissingFile(error)) throw error;
      }
    }
  }
}

/** The file of an upload while it is written: its name says by whom. */
function heldPath({ blobs }: Uploads, id: string): string {
  return join(blobs, `${PREFIX}${id}.${process.pid}-${thisMachine()}`);
}

/** The file of an upload that waits to be resumed, which is nobody's. */
function suspendedPath({ blobs }: Uploads, id: string): string {
  return join(blobs, PREFIX + id);
}

/** Whether a file is of an upload whose process has ended. Of another machine's there is no telling. */
function hasEnded(name: string): boolean {
  const [, pid, machine] = /\.(\d+)-([0-9a-f]+)$/.exec(name) ?? [];
  return pid !== undefined && machine === thisMachine() && !isRunning(Number(pid));
}

let machine: string | undefined;

/** Names what numbers of processes are unique in: this machine, or the container. */
function thisMachine(): string {
  if (machine !== undefined) return machine;
  let space = "";
  try {
    // Containers may share the host's name, and number their processes anew.
    space = readlinkSync("/proc/self/ns/pid");
  } catch {
    // Not Linux.
  }
  machine = hexOf(digestOf(new TextEncoder().encode(`${hostname()} ${space}`))).slice(0, 12);
  return machine;
}

function unknownUpload(id: string, cause?: unknown): RegistryError {
  return new RegistryError(
    "ERR_REGISTRY_UPLOAD_UNKNOWN",
    `Cannot resume upload: there is none called ${JSON.stringify(id.slice(0, 100))}`,
    { cause },
  );
}

/** The hash of what is written, made here. */
interface OwnHash {
  readonly algorithm: DigestAlgorithm;
  readonly digester: Digester;
}

class LayoutUpload implements BlobUpload {
  readonly id: string;
  readonly #uploads: Uploads;
  #path: string;
  /** What hashes the bytes; none where the upload was resumed or a write failed, and the file is read again in the end. */
  #hash: OwnHash | BlobCheck | undefined;
  #file: FileHandle | undefined;
  #offset: number;
  /** Bytes up to which the disk was set to work. */
  #synced = 0;
  /** Settles when the disk has what it was set to work on; says why it has not. Rejects never. */
  #syncing: Promise<{ readonly error: unknown } | undefined> | undefined;

  constructor(uploads: Uploads, id: string, file: FileHandle, offset: number, hash: OwnHash | BlobCheck | undefined) {
    this.id = id;
    this.#uploads = uploads;
    this.#path = heldPath(uploads, id);
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
    const writing = this.#write(file, bytes);
    // Told of below.
    writing.catch(() => {});
    // Hashed while they are written.
    if (this.#hash !== undefined && "digester" in this.#hash) this.#hash.digester.update(bytes);
    try {
      await writing;
    } catch (error) {
      // Who writes them again must not have them hashed twice.
      this.#hash = undefined;
      throw error;
    }
    this.#offset += bytes.length;
    this.#syncAhead(file);
  }

  async commit(digest: Digest, options?: ReadOptions): Promise<Descriptor> {
    options?.signal?.throwIfAborted();
    const file = this.#held();
    try {
      const algorithm = algorithmOf(digest);
      const found = this.#hashed(digest) ?? (await this.#read(file, algorithm));
      if (found !== digest)
        throw new OciError("ERR_OCI_DIGEST_MISMATCH", `Cannot store ${digest}: the bytes have digest ${found}`);
      const { blobs, sync } = this.#uploads;
      if (sync) await this.#sync(file);
      await this.#letGo();
      const folder = join(blobs, algorithm);
      if ((await makeDirectory(folder)) !== undefined && sync) await syncDirectory(blobs);
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
    if (this.#file === undefined) return;
    const failed = await this.#syncing;
    await this.#close();
    // Whoever resumed it would not hear of that.
    if (failed !== undefined) await this.abort();
    else {
      const path = suspendedPath(this.#uploads, this.id);
      await rename(this.#path, path);
      this.#path = path;
    }
    this.#uploads.open.delete(this.id);
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
    this.#uploads.open.delete(this.id);
    await this.#close();
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await this.#syncing;
    await file?.close();
  }

  async #write(file: FileHandle, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await file.write(bytes, at, bytes.length - at, this.#offset + at);
      at += bytesWritten;
    }
  }

  /** Sets the disk to work, one step at a time. */
  #syncAhead(file: FileHandle): void {
    if (!this.#uploads.sync || this.#syncing !== undefined || this.#offset - this.#synced < SYNC_STEP) return;
    this.#synced = this.#offset;
    const syncing = file.datasync().then(
      () => {
        this.#syncing = undefined;
        return undefined;
      },
      // Stays: Linux tells of a write that failed once, and the next sync would succeed.
      (error: unknown) => ({ error }),
    );
    this.#syncing = syncing;
  }

  async #sync(file: FileHandle): Promise<void> {
    const failed = await this.#syncing;
    if (failed !== undefined) throw failed.error;
    await file.sync();
  }

  /**
   * The digest of the file, where it is known without reading it. One hash is enough, this upload's or the check's: what is
   * written is the very array that was hashed, the next one not before it, and a check that has passed has seen no bytes besides
   * those of the blob. After a write that failed nothing is known.
   */
  #hashed(digest: Digest): Digest | undefined {
    const hash = this.#hash;
    if (hash === undefined) return undefined;
    if ("digester" in hash) return hash.algorithm === algorithmOf(digest) ? hash.digester.digest() : undefined;
    return hash.hasPassed && hash.digest === digest && hash.size === this.#offset ? digest : undefined;
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
