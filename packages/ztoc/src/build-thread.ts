import { openWorkerThread, workerUrl, type WorkerFile, type WorkerThread } from "@socikit/inflate/worker-thread";
import type { FromBuildWorker, ToBuildWorker } from "./build-messages.ts";
import { ZtocError } from "./errors.ts";
import { BUFFER_SIZE, type LayerChunks } from "./layer-input.ts";
import type { PooledBuild } from "./pooled-build.ts";
import { receivedError } from "./sent-error.ts";
import { ztocBuild, type ZtocBuild } from "./ztoc-build.ts";
import type { ZtocBuilderOptions } from "./ztoc-builder.ts";

/** Bytes of a layer that are on their way to a thread: while it works on one buffer another one waits and two are filled. */
const IN_FLIGHT: number = 4 * BUFFER_SIZE;

/** What a {@linkcode BuildThread} is started with. */
export interface BuildThreadOptions {
  readonly module: WebAssembly.Module | undefined;
  readonly worker: URL | undefined;
}

function workerFile(given: URL | undefined): WorkerFile {
  return {
    url: given ?? workerUrl(import.meta.url, "build-thread", "build-worker"),
    openWeb: () =>
      given === undefined
        ? new Worker(new URL("./build-worker.js", import.meta.url), { type: "module" })
        : new Worker(given, { type: "module" }),
  };
}

/** A thread that builds one layer after the other. */
export class BuildThread {
  readonly #thread: WorkerThread<ToBuildWorker>;
  /** Buffers that came back, for the next bytes of this layer or another one. */
  readonly #buffers: ArrayBuffer[] = [];
  #builds = 0;
  #current: RemoteBuild | undefined;
  #isDead = false;

  /** Throws what the host throws where it starts no thread. */
  constructor({ worker, module }: BuildThreadOptions) {
    this.#thread = openWorkerThread<ToBuildWorker, FromBuildWorker>(workerFile(worker), {
      message: (message) => this.#receive(message),
      death: (cause) => {
        this.#isDead = true;
        this.#current?.die(cause);
      },
    });
    this.#thread.post({ kind: "load", module }, []);
  }

  /** Whether it ended, and builds nothing any more. */
  get isDead(): boolean {
    return this.#isDead;
  }

  /**
   * Begins a build. One at a time: the one before has to be closed.
   *
   * @param abort Of the build: it is aborted here when the build fails, with what it failed with.
   */
  begin(options: ZtocBuilderOptions, abort: AbortController): PooledBuild {
    const id = ++this.#builds;
    const build = new RemoteBuild(abort, {
      post: (message, transfer) => {
        if (!this.#isDead) this.#thread.post({ ...message, build: id }, transfer);
      },
      buffer: () => this.#buffers.pop() ?? new ArrayBuffer(BUFFER_SIZE),
      close: () => {
        this.#current = undefined;
        this.#thread.keepAlive(false);
      },
    });
    this.#current = build;
    this.#thread.keepAlive(true);
    this.#thread.post({ kind: "begin", build: id, options }, []);
    return build;
  }

  /** Ends the thread. A build that goes on is not told. */
  terminate(): void {
    this.#isDead = true;
    this.#thread.terminate();
  }

  #receive(message: FromBuildWorker): void {
    if (message.kind === "taken" && this.#buffers.length < IN_FLIGHT / BUFFER_SIZE) this.#buffers.push(message.buffer);
    if (message.build === this.#builds) this.#current?.receive(message);
  }
}

/** `Omit` of each member of a union. */
type WithoutBuild<M> = M extends { readonly build: number } ? Omit<M, "build"> : never;

interface RemoteBuildPort {
  post(message: WithoutBuild<ToBuildWorker>, transfer: readonly ArrayBufferLike[]): void;
  buffer(): ArrayBuffer;
  close(): void;
}

/** A build on a thread. What waits for the thread here ends when the build's signal aborts. */
class RemoteBuild implements PooledBuild {
  readonly #abort: AbortController;
  readonly #port: RemoteBuildPort;
  /** Bytes of buffers that were taken here and have not come back. */
  #inFlight = 0;
  /**
   * What lent chunks are copied to, and how full it is. Also those that a source has read: it may give what it keeps, and to move
   * that would take it away.
   */
  #filling: Uint8Array | undefined;
  #filled = 0;
  #sizeBound = 0;
  #uncompressed = 0;
  #hasDied = false;
  #result: ZtocBuild | undefined;
  /** Called when any of these changes. */
  readonly #waiting: Set<() => void> = new Set();
  readonly #wake = (): void => {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  };

  constructor(abort: AbortController, port: RemoteBuildPort) {
    this.#abort = abort;
    this.#port = port;
    abort.signal.addEventListener("abort", this.#wake, { once: true });
  }

  get sizeBound(): number {
    return this.#sizeBound;
  }

  get uncompressed(): number {
    return this.#uncompressed;
  }

  get hasDied(): boolean {
    return this.#hasDied;
  }

  async take(): Promise<Uint8Array> {
    await this.#until(() => this.#inFlight < IN_FLIGHT);
    this.#inFlight += BUFFER_SIZE;
    return new Uint8Array(this.#port.buffer());
  }

  async push(chunk: Uint8Array, hold: LayerChunks["hold"]): Promise<void> {
    const { signal } = this.#abort;
    signal.throwIfAborted();
    if (hold === "taken") {
      this.#post(chunk);
    } else {
      for (let at = 0; at < chunk.length;) {
        const buffer = (this.#filling ??= await this.take());
        const part = chunk.subarray(at, at + buffer.length - this.#filled);
        buffer.set(part, this.#filled);
        this.#filled += part.length;
        at += part.length;
        if (this.#filled === buffer.length) this.#flush();
      }
    }
  }

  async finish(): Promise<ZtocBuild> {
    this.#flush();
    this.#port.post({ kind: "end" }, []);
    await this.#until(() => this.#result !== undefined);
    return this.#result as ZtocBuild;
  }

  close(): void {
    this.#abort.signal.removeEventListener("abort", this.#wake);
    if (this.#result === undefined) this.#port.post({ kind: "cancel" }, []);
    this.#port.close();
  }

  receive(message: FromBuildWorker): void {
    switch (message.kind) {
      case "taken":
        this.#inFlight -= message.buffer.byteLength;
        this.#sizeBound = message.sizeBound;
        this.#uncompressed = message.uncompressed;
        break;
      case "built":
        this.#uncompressed = message.uncompressed;
        this.#result = ztocBuild(message.result);
        break;
      case "failed":
        this.#abort.abort(receivedError(message.error));
    }
    this.#wake();
  }

  die(cause: unknown): void {
    this.#hasDied = true;
    this.#abort.abort(
      new ZtocError("ERR_ZTOC_WORKER", "Cannot build zTOC: the thread that was building it ended", { cause }),
    );
  }

  #flush(): void {
    if (this.#filling !== undefined) this.#post(this.#filling.subarray(0, this.#filled));
    this.#filling = undefined;
    this.#filled = 0;
  }

  #post(bytes: Uint8Array): void {
    this.#port.post({ kind: "chunk", bytes }, [bytes.buffer]);
  }

  /** Waits for the thread, or throws why nobody waits any more. */
  async #until(isSo: () => boolean): Promise<void> {
    const { signal } = this.#abort;
    for (;;) {
      signal.throwIfAborted();
      if (isSo()) return;
      await new Promise<void>((resolve) => void this.#waiting.add(resolve));
    }
  }
}
