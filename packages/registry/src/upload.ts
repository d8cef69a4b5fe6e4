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
/** What a chunk's buffer begins with, in bytes, where nobody says how large the blob is; small ones need no more. */
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
  const isUsable = Number.isSafeInteger(least) && least > options.chunkSize && least <= MAX_CHUNK;
  const chunkSize = isUsable ? least : options.chunkSize;
  const hash = {
    algorithm,
    ...(begin.check === undefined ? { digester: createDigester(algorithm) } : { check: begin.check }),
  };
  return new RemoteUpload(client, location, { chunkSize, firstBuffer: begin.expect?.size ?? FIRST_BUFFER, hash });
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
  const { chunkSize } = options;
  return new RemoteUpload(client, state.location, { chunkSize, firstBuffer: FIRST_BUFFER, confirmed: state.offset });
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
  await new RemoteUpload(client, location, { chunkSize: 1, firstBuffer: 0 }).abort();
  return false;
}

/** One of the two. */
interface UploadHash {
  readonly algorithm: DigestAlgorithm;
  readonly digester?: Digester;
  readonly check?: BlobCheck;
}

/** What a {@linkcode RemoteUpload} begins with. */
interface RemoteUploadState {
  /** Bytes sent in one PATCH. */
  readonly chunkSize: number;
  /** What a chunk's buffer begins with, in bytes. */
  readonly firstBuffer: number;
  /** Bytes that the registry has. */
  readonly confirmed?: number;
  /**
   * What hashes the bytes: this upload, or a check before they are handed over. One hash is enough: what is sent is what was hashed,
   * and registries hash it themselves. None where the upload was resumed: what was sent before is not here to be hashed.
   */
  readonly hash?: UploadHash;
}

class RemoteUpload implements BlobUpload {
  readonly #client: RegistryClient;
  readonly #state: RemoteUploadState;
  #location: URL;
  /** Bytes that the registry has confirmed. */
  #confirmed: number;
  /** The bytes after them: what is being sent. They stay until they are confirmed. */
  #chunk: Uint8Array = new Uint8Array();
  /** Sends `#chunk`. Stays where it fails: nothing can follow. */
  #sending: Promise<void> | undefined;
  /** The bytes after `#chunk`, in order: the first `#filled` of these. Filled while the chunk before is on its way. */
  #filling: Uint8Array = new Uint8Array();
  #filled = 0;
  /** The buffer of a chunk that is confirmed. */
  #spare: Uint8Array | undefined;
  /** Ends what is being sent, where nobody wants it any more. */
  readonly #stop = new AbortController();
  #ended = false;

  constructor(client: RegistryClient, location: URL, state: RemoteUploadState) {
    this.#client = client;
    this.#location = location;
    this.#state = state;
    this.#confirmed = state.confirmed ?? 0;
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
    this.#state.hash?.digester?.update(bytes);
    const { chunkSize } = this.#state;
    for (let at = 0; at < bytes.length;) {
      // The last chunk goes with the closing PUT, so one is sent when there is more than one. In order: one at a time.
      if (this.#filled === chunkSize) {
        await this.#sent(options);
        this.#checkOpen();
        this.#startSending(options);
      }
      const piece = bytes.subarray(at, at + chunkSize - this.#filled);
      this.#makeRoom(piece.length);
      this.#filling.set(piece, this.#filled);
      this.#filled += piece.length;
      at += piece.length;
    }
  }

  async commit(digest: Digest, options?: ReadOptions): Promise<Descriptor> {
    this.#checkOpen();
    this.#ended = true;
    await this.#sent(options);
    this.#takeFilled();
    const size = this.#confirmed + this.#chunk.length;
    const mismatch = this.#mismatch(digest, size);
    if (mismatch !== undefined) {
      await this.abort();
      throw mismatch;
    }
    this.#send(this.#put(digest, size, { ...options, signal: this.#stop.signal }));
    await this.#sent(options);
    this.#drop();
    this.#confirmed = size;
    return { mediaType: "application/octet-stream", digest, size };
  }

  async suspend(options?: ReadOptions): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    // What is not sent is lost here, and sent again from `offset`. What broke would only break again.
    try {
      await this.#sent(options);
      this.#startSending(options);
      await this.#sent(options);
    } catch {
      // Taken up again, it goes on at `offset`, whatever became of the rest.
    }
    this.#drop();
  }

  async abort(): Promise<void> {
    this.#ended = true;
    this.#stop.abort(ended());
    await this.#sending?.catch(() => {});
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
    if (this.#ended) throw ended();
  }

  /** Begins to send what is filled, where the chunk before it is confirmed. */
  #startSending(options: ReadOptions | undefined): void {
    if (this.#filled === 0) return;
    this.#takeFilled();
    this.#send(this.#sendChunk({ ...options, signal: this.#stop.signal }));
  }

  #send(sending: Promise<void>): void {
    this.#sending = sending;
    // Whoever calls next hears of it.
    sending.catch(() => {});
  }

  /** Waits until what is being sent is confirmed. The signal ends that; once the wait is over it has nothing to say. */
  async #sent(options: ReadOptions | undefined): Promise<void> {
    const release = this.#stopWith(options?.signal);
    try {
      await this.#sending;
    } finally {
      release();
    }
  }

  /**
   * Lets a caller's signal end what is being sent, until the function given back is called. Not by AbortSignal.any: a signal that
   * outlives many chunks would remember every one of them on Node 20.
   */
  #stopWith(signal: AbortSignal | undefined): () => void {
    if (signal === undefined) return () => {};
    const stop = (): void => this.#stop.abort(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    return () => signal.removeEventListener("abort", stop);
  }

  /** Makes of what is filled the chunk that is sent next. */
  #takeFilled(): void {
    this.#chunk = this.#filling.subarray(0, this.#filled);
    this.#filling = this.#spare ?? new Uint8Array();
    this.#filled = 0;
    this.#spare = undefined;
  }

  /** Ends the upload with what is left as its last chunk. */
  async #put(digest: Digest, size: number, options: ReadOptions): Promise<void> {
    await this.#untilDone(
      async () => {
        const url = new URL(this.#location);
        url.searchParams.set("digest", digest);
        const body = this.#chunk;
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
  }

  /** Sends the chunk. */
  async #sendChunk(options: ReadOptions): Promise<void> {
    const goal = this.#confirmed + this.#chunk.length;
    const { buffer } = this.#chunk;
    let isRead = false;
    await this.#untilDone(
      async () => {
        const body = this.#chunk;
        // Its answer was lost, and the registry has it.
        if (body.length === 0) return true;
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
        isRead = has === goal;
        this.#confirm(has === undefined || has === 0 ? goal : has);
        return this.#confirmed === goal;
      },
      async () => false,
      options,
    );
    // Else a request that failed, or was answered before it was read, may still be reading it.
    if (isRead && this.#chunk.buffer === buffer) this.#spare = new Uint8Array(buffer);
    this.#chunk = new Uint8Array();
  }

  /**
   * Runs a step until it is done. When it fails in a way worth repeating, or the registry took less, the registry is asked
   * how much it has: one that was cut off may have kept some, and one that is sent the wrong bytes may not notice.
   */
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
        this.#chunk = this.#chunk.slice();
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
      const state = await this.#status(failure, options);
      this.#location = state.location;
      this.#confirm(state.offset);
    }
  }

  /**
   * How much the registry has. One that has forgotten the upload (docker-registry does where a chunk broke off), or tells nobody
   * (go-containerregistry's), leaves it to whoever uploads to begin anew: what failed first is worth trying again.
   */
  async #status(
    failure: RegistryError | undefined,
    options: ReadOptions | undefined,
  ): Promise<{ readonly location: URL; readonly offset: number }> {
    try {
      return await statusOf(this.#client, this.#location, options);
    } catch (error) {
      options?.signal?.throwIfAborted();
      if (!(error instanceof RegistryError) || error.retryable || error.denied) throw error;
      if (failure?.retryable === true) throw failure;
      throw new RegistryError(error.code, error.message, { retryable: true, cause: failure ?? error });
    }
  }

  /** Drops what the registry has from what is being sent. */
  #confirm(offset: number): void {
    const taken = offset - this.#confirmed;
    if (taken < 0 || taken > this.#chunk.length) {
      throw new RegistryError(
        "ERR_REGISTRY_PROTOCOL",
        `Cannot upload blob: the registry has ${offset} bytes where ${this.#confirmed} to ${this.#confirmed + this.#chunk.length} were sent; begin again`,
      );
    }
    const rest = this.#chunk.subarray(taken);
    // Copied elsewhere where it is sent again: see #untilDone.
    this.#chunk = rest.length === 0 ? rest : rest.slice();
    this.#confirmed = offset;
  }

  /** Room for so many bytes more, no more than a chunk in all. Two buffers serve for all chunks of a blob. */
  #makeRoom(bytes: number): void {
    const { chunkSize, firstBuffer } = this.#state;
    const needed = this.#filled + bytes;
    if (needed <= this.#filling.length) return;
    const larger = new Uint8Array(Math.min(chunkSize, Math.max(needed, 2 * this.#filling.length, firstBuffer)));
    larger.set(this.#filling.subarray(0, this.#filled));
    this.#filling = larger;
  }

  #drop(): void {
    this.#chunk = new Uint8Array();
    this.#filling = new Uint8Array();
    this.#filled = 0;
    this.#spare = undefined;
  }

  /** What is wrong with the bytes, as far as is known here. */
  #mismatch(digest: Digest, size: number): Error | undefined {
    if (this.#state.hash === undefined) return undefined;
    const { algorithm, digester, check } = this.#state.hash;
    if (algorithm !== algorithmOf(digest))
      return new TypeError(`Cannot end upload: it was begun for ${algorithm}, not for ${digest}`);
    const found = digester?.digest() ?? (check?.hasPassed === true && check.size === size ? check.digest : undefined);
    if (found === digest) return undefined;
    const what = found === undefined ? "the bytes were not checked to their end" : `the bytes have digest ${found}`;
    return new OciError("ERR_OCI_DIGEST_MISMATCH", `Cannot end upload of ${digest}: ${what}`);
  }
}

function ended(): TypeError {
  return new TypeError("Cannot write to upload: it has ended");
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
