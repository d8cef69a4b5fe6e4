import {
  algorithmOf,
  createDigester,
  OciError,
  printable,
  type BeginOptions,
  type BlobCheck,
  type BlobUpload,
  type Descriptor,
  type Digest,
  type DigestAlgorithm,
  type Digester,
  type ReadOptions,
} from "@socikit/oci";
import type { ClientRequest, ClientResponse, RegistryClient } from "./client.ts";
import { RegistryError } from "./errors.ts";
import { finishBody } from "./read-body.ts";
import { mayContact } from "./redirect.ts";
import { parseUploadRange } from "./responses.ts";
import { retryDelayMs } from "./retry.ts";
import { repositoryScope, type Scope } from "./scopes.ts";
import { statBlob } from "./stat-blob.ts";
import { sleep } from "./timer.ts";

/** Time for telling a registry that an upload is over, in ms: an interrupted command must end. */
const ABORT_TIMEOUT_MS = 2_000;
/** Time for ending an upload, in ms: registries move the whole blob then, on some storage by copying it. */
const COMMIT_TIMEOUT_MS = 300_000;
/** Largest chunk that a registry can ask for with OCI-Chunk-Min-Length, in bytes. */
const MAX_CHUNK = 64 * 1024 * 1024;
/** What a chunk's buffer begins with, in bytes; small blobs need no more. */
const FIRST_BUFFER = 64 * 1024;

/** How a {@linkcode RemoteUpload} sends. */
export interface UploadOptions {
  /** Bytes sent in one PATCH; what is shorter goes with the closing PUT alone. */
  readonly chunkSize: number;
}

/** Starts an upload session. */
export async function beginUpload(
  client: RegistryClient,
  options: UploadOptions,
  begin: BeginOptions = {},
): Promise<BlobUpload> {
  const algorithm = begin.algorithm ?? (begin.expect === undefined ? "sha256" : algorithmOf(begin.expect.digest));
  // https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-a-blob-in-chunks (other than sha256)
  const query: Record<string, string> = algorithm === "sha256" ? {} : { "digest-algorithm": algorithm };
  const response = await client.send(
    {
      ...uploadRequest(client, "start upload"),
      target: "repository",
      method: "POST",
      url: client.url("blobs/uploads/", query),
      body: new Uint8Array(),
      accept: ({ status }) => status === 202,
    },
    begin,
  );
  await finishBody(response);
  const location = locationOf(client, response, undefined);
  const least = Number(response.headers.get("oci-chunk-min-length") ?? 0);
  const chunkSize = least > options.chunkSize && least <= MAX_CHUNK ? least : options.chunkSize;
  return new RemoteUpload(client, location, 0, chunkSize, {
    algorithm,
    ...(begin.check === undefined ? { digester: createDigester(algorithm) } : { check: begin.check }),
  });
}

/** Takes an upload session up again. */
export async function resumeUpload(
  client: RegistryClient,
  options: UploadOptions,
  id: string,
  readOptions?: ReadOptions,
): Promise<BlobUpload> {
  let url: URL;
  try {
    url = new URL(id);
  } catch {
    throw new TypeError(`Cannot resume upload: "${printable(id, 100)}" is not the id of one`);
  }
  const state = await statusOf(client, mayContact(client.options.origin, url.href, "upload location"), readOptions);
  // What was sent before is not here to be hashed: the registry alone checks the digest then.
  return new RemoteUpload(client, state.location, state.offset, options.chunkSize, undefined);
}

/** Makes a blob of another repository of the same registry available in this one. */
export async function mountBlob(
  client: RegistryClient,
  digest: Digest,
  from: string,
  readOptions?: ReadOptions,
): Promise<boolean> {
  let response: ClientResponse;
  try {
    response = await client.send(
      {
        ...uploadRequest(client, `mount blob ${digest} from ${from}`),
        target: "repository",
        method: "POST",
        url: client.url("blobs/uploads/", { mount: digest, from }),
        body: new Uint8Array(),
        scopes: [...scopesOf(client), repositoryScope(from, "pull")],
        accept: ({ status }) => status === 201 || status === 202,
      },
      readOptions,
    );
  } catch (error) {
    // Not allowed to, or not able to: a plain upload does it (rust-oci-client#235).
    if (error instanceof RegistryError && error.status !== undefined && !error.retryable) return false;
    throw error;
  }
  await finishBody(response);
  if (response.status === 201) return true;
  // A session was opened instead, which nobody will use.
  const location = locationOf(client, response, undefined);
  await new RemoteUpload(client, location, 0, 1, undefined).abort();
  return false;
}

/** One of the two. */
interface UploadHash {
  readonly algorithm: DigestAlgorithm;
  readonly digester?: Digester;
  readonly check?: BlobCheck;
}

class RemoteUpload implements BlobUpload {
  readonly #client: RegistryClient;
  readonly #chunkSize: number;
  #location: URL;
  /** Bytes that the registry has confirmed. */
  #confirmed: number;
  /** Bytes written and not confirmed, in order: the first `#pendingSize` of these. */
  #pending: Uint8Array = new Uint8Array();
  #pendingSize = 0;
  /**
   * What hashes the bytes: this upload, or a check before they are handed over. One hash is enough: what is sent is what was hashed,
   * and registries hash it themselves. None where the upload was resumed: what was sent before is not here to be hashed.
   */
  readonly #hash: UploadHash | undefined;
  #ended = false;
  /** Whether sending has failed for good. */
  #broken = false;

  constructor(
    client: RegistryClient,
    location: URL,
    confirmed: number,
    chunkSize: number,
    hash: UploadHash | undefined,
  ) {
    this.#client = client;
    this.#location = location;
    this.#confirmed = confirmed;
    this.#chunkSize = chunkSize;
    this.#hash = hash;
  }

  get id(): string {
    return this.#location.href;
  }

  get offset(): number {
    return this.#confirmed;
  }

  async write(bytes: Uint8Array, options?: ReadOptions): Promise<void> {
    this.#checkOpen();
    options?.signal?.throwIfAborted();
    this.#hash?.digester?.update(bytes);
    for (let at = 0; at < bytes.length;) {
      // The last chunk goes with the closing PUT, so one is sent when there is more than one. In order: one at a time.
      if (this.#pendingSize === this.#chunkSize) await this.#flush(options);
      const piece = bytes.subarray(at, at + this.#chunkSize - this.#pendingSize);
      this.#makeRoom(piece.length);
      this.#pending.set(piece, this.#pendingSize);
      this.#pendingSize += piece.length;
      at += piece.length;
    }
  }

  async commit(digest: Digest, options?: ReadOptions): Promise<Descriptor> {
    this.#checkOpen();
    this.#ended = true;
    const size = this.#confirmed + this.#pendingSize;
    const mismatch = this.#mismatch(digest, size);
    if (mismatch !== undefined) {
      await this.abort();
      throw mismatch;
    }
    await this.#recovering(
      async () => {
        const url = new URL(this.#location);
        url.searchParams.set("digest", digest);
        const body = this.#body();
        const response = await this.#client.send(
          {
            ...uploadRequest(this.#client, `upload blob ${digest}`),
            method: "PUT",
            url,
            headers: {
              "content-type": "application/octet-stream",
              ...(body.length > 0 && this.#confirmed > 0
                ? { "content-range": contentRange(this.#confirmed, body) }
                : {}),
            },
            body,
            accept: ({ status }) => status === 201 || status === 200 || status === 204,
            maxRetries: 0,
            headersTimeoutMs: COMMIT_TIMEOUT_MS,
          },
          options,
        );
        await finishBody(response);
        const stored = response.headers.get("docker-content-digest");
        if (stored !== null && stored !== digest && stored.startsWith(`${algorithmOf(digest)}:`)) {
          throw new OciError(
            "ERR_OCI_DIGEST_MISMATCH",
            `Cannot upload blob ${digest}: the registry stored ${printable(stored, 150)}`,
          );
        }
        return true;
      },
      async () => {
        // The PUT may have been heard though its answer was not.
        const there = await statBlob(this.#client, digest, options);
        return there?.size === size;
      },
      options,
    );
    this.#drop();
    this.#confirmed = size;
    return { mediaType: "application/octet-stream", digest, size };
  }

  async suspend(options?: ReadOptions): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    // What is not sent is lost here, and sent again from `offset`. What broke would only break again.
    if (this.#pendingSize > 0 && !this.#broken) await this.#flush(options).catch(() => {});
    this.#drop();
  }

  async abort(): Promise<void> {
    this.#ended = true;
    this.#drop();
    try {
      const response = await this.#client.send(
        {
          ...uploadRequest(this.#client, "abort upload"),
          method: "DELETE",
          url: this.#location,
          accept: () => true,
          maxRetries: 0,
        },
        { signal: AbortSignal.timeout(ABORT_TIMEOUT_MS) },
      );
      await response.body?.cancel();
    } catch {
      // The registry forgets the session by itself, after a week or so.
    }
  }

  #checkOpen(): void {
    if (this.#ended) throw new TypeError("Cannot write to upload: it has ended");
  }

  /** Sends what is pending as a chunk. */
  async #flush(options: ReadOptions | undefined): Promise<void> {
    const goal = this.#confirmed + this.#pendingSize;
    await this.#recovering(
      async () => {
        const body = this.#body();
        const response = await this.#client.send(
          {
            ...uploadRequest(this.#client, "upload chunk"),
            method: "PATCH",
            url: this.#location,
            headers: {
              "content-type": "application/octet-stream",
              "content-range": contentRange(this.#confirmed, body),
            },
            body,
            accept: ({ status }) => status === 202 || status === 204 || status === 201,
            maxRetries: 0,
          },
          options,
        );
        await finishBody(response);
        this.#location = locationOf(this.#client, response, this.#location);
        const has = parseUploadRange(response.headers.get("range"));
        this.#confirm(has === undefined || has === 0 ? goal : has);
        return this.#confirmed === goal;
      },
      async () => false,
      options,
    );
  }

  /**
   * Runs a step until it is done. When it fails in a way worth repeating, or the registry took less, the registry is asked
   * how much it has: one that was cut off may have kept some, and one that is sent the wrong bytes may not notice.
   */
  async #recovering(
    step: () => Promise<boolean>,
    isDone: () => Promise<boolean>,
    options: ReadOptions | undefined,
  ): Promise<void> {
    try {
      await this.#untilDone(step, isDone, options);
    } catch (error) {
      this.#broken = true;
      throw error;
    }
  }

  async #untilDone(
    step: () => Promise<boolean>,
    isDone: () => Promise<boolean>,
    options: ReadOptions | undefined,
  ): Promise<void> {
    const { timer, maxRetries, onEvent } = this.#client.options;
    for (let attempt = 0; ; attempt++) {
      let failure: RegistryError | undefined;
      try {
        if (await step()) return;
      } catch (error) {
        // A request that failed may still be reading: the buffer is left to it.
        this.#pending = this.#pending.slice();
        options?.signal?.throwIfAborted();
        if (!(error instanceof RegistryError) || !(error.retryable || error.status === 416)) throw error;
        failure = error;
      }
      const delayMs = retryDelayMs({
        attempt,
        maxRetries,
        retryAfterMs: failure?.retryAfterMs,
        random: timer.random(),
      });
      if (delayMs === undefined) {
        throw (
          failure ??
          new RegistryError("ERR_REGISTRY_PROTOCOL", "Cannot upload blob: the registry takes less than it is sent")
        );
      }
      // Where it is a matter of offsets, time does not help.
      if (failure?.retryable === true) {
        const { method = "", url = "", message: reason } = failure;
        const counts = { attempt: attempt + 2, attempts: maxRetries + 1 };
        onEvent?.({ v: 1, type: "retry", method, url, delayMs, reason, ...counts });
        await sleep(timer, delayMs, options?.signal);
      }
      if (failure !== undefined && (await isDone())) return;
      const state = await statusOf(this.#client, this.#location, options);
      this.#location = state.location;
      this.#confirm(state.offset);
    }
  }

  /** Drops what the registry has from what is pending. */
  #confirm(offset: number): void {
    const taken = offset - this.#confirmed;
    if (taken < 0 || taken > this.#pendingSize) {
      throw new RegistryError(
        "ERR_REGISTRY_PROTOCOL",
        `Cannot upload blob: the registry has ${offset} bytes where ${this.#confirmed} to ${this.#confirmed + this.#pendingSize} were sent; begin again`,
      );
    }
    const rest = this.#pendingSize - taken;
    // Copied elsewhere: see #untilDone.
    if (rest > 0) this.#pending = this.#pending.slice(taken, this.#pendingSize);
    this.#pendingSize = rest;
    this.#confirmed = offset;
  }

  /** What is pending, which stays so: the bytes hold until the registry has confirmed them. */
  #body(): Uint8Array {
    return this.#pending.subarray(0, this.#pendingSize);
  }

  /** Room for so many bytes more, no more than a chunk in all. A buffer serves for all chunks of a blob. */
  #makeRoom(bytes: number): void {
    const needed = this.#pendingSize + bytes;
    if (needed <= this.#pending.length) return;
    const larger = new Uint8Array(Math.min(this.#chunkSize, Math.max(needed, 2 * this.#pending.length, FIRST_BUFFER)));
    larger.set(this.#body());
    this.#pending = larger;
  }

  #drop(): void {
    this.#pending = new Uint8Array();
    this.#pendingSize = 0;
  }

  /** What is wrong with the bytes, as far as is known here. */
  #mismatch(digest: Digest, size: number): Error | undefined {
    if (this.#hash === undefined) return undefined;
    const { algorithm, digester, check } = this.#hash;
    if (algorithm !== algorithmOf(digest))
      return new TypeError(`Cannot end upload: it was begun for ${algorithm}, not for ${digest}`);
    const found = digester?.digest() ?? (check?.hasPassed === true && check.size === size ? check.digest : undefined);
    if (found === digest) return undefined;
    const what = found === undefined ? "the bytes were not checked to their end" : `the bytes have digest ${found}`;
    return new OciError("ERR_OCI_DIGEST_MISMATCH", `Cannot end upload of ${digest}: ${what}`);
  }
}

/** The Content-Range of a chunk, as the distribution spec has it: without a unit. */
function contentRange(offset: number, body: Uint8Array): string {
  return `${offset}-${offset + body.length - 1}`;
}

function scopesOf(client: RegistryClient): readonly Scope[] {
  return [repositoryScope(client.options.repository, "pull", "push")];
}

function uploadRequest(client: RegistryClient, action: string): Pick<ClientRequest, "action" | "target" | "scopes"> {
  const { registryHost, repository } = client.options;
  return { action: `${action} to ${registryHost}/${repository}`, target: "upload", scopes: scopesOf(client) };
}

/** Where an upload goes on: relative or absolute, its query kept. On another origin it gets no credentials. */
function locationOf(client: RegistryClient, response: ClientResponse, before: URL | undefined): URL {
  const location = response.headers.get("location");
  if (location !== null) return mayContact(response.location, location, "upload location");
  if (before !== undefined) return before;
  throw new RegistryError(
    "ERR_REGISTRY_PROTOCOL",
    `Cannot upload to ${client.options.registryHost}: its answer does not say where (no Location)`,
    client.contextOf({ method: "POST" }, response),
  );
}

/** How much a registry has of an upload. */
async function statusOf(
  client: RegistryClient,
  location: URL,
  options: ReadOptions | undefined,
): Promise<{ readonly location: URL; readonly offset: number }> {
  const response = await client.send(
    {
      ...uploadRequest(client, "resume upload"),
      method: "GET",
      url: location,
      accept: ({ status }) => status === 204 || status === 200 || status === 202,
    },
    options,
  );
  await finishBody(response);
  const range = response.headers.get("range");
  return { location: locationOf(client, response, location), offset: parseUploadRange(range) ?? 0 };
}
