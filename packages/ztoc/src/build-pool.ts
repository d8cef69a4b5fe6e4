import { loadInflate } from "@socikit/inflate";
import { hasThreads, processorCount } from "@socikit/inflate/worker-thread";
import type { BlobSource } from "@socikit/oci";
import { BuildAdmission, type Turn } from "./build-admission.ts";
import { BuildThread, type BuildThreadOptions } from "./build-thread.ts";
import { checkChunk } from "./check-chunk.ts";
import { ZtocError } from "./errors.ts";
import { LayerBuild } from "./layer-build.ts";
import { checkLayerInput, openLayerInput, turningBuffers, type LayerInput } from "./layer-input.ts";
import type { PooledBuild } from "./pooled-build.ts";
import type { ZtocBuild } from "./ztoc-build.ts";
import { DEFAULT_SPAN_SIZE, ZtocBuilder, type ZtocBuilderOptions } from "./ztoc-builder.ts";
import { CHECKPOINT_SIZE } from "./zinfo.ts";

/** Options for {@linkcode createBuildPool}. */
export interface BuildPoolOptions {
  /**
   * Layers built at once, each on a thread of its own; threads are started when they are needed. Where there are none, layers
   * are built one at a time on the calling thread. Default: as many as there are processors, 4 at most.
   */
  readonly threads?: number | undefined;
  /**
   * Whether the calling thread builds a layer, too, while the others are busy: for programs that have nothing else to do there.
   * It costs no thread's start, 15 MB less, and nothing that a first build compiles is compiled once more.
   *
   * @default {false}
   */
  readonly usesCallingThread?: boolean | undefined;
  /**
   * Bytes that the builds of the pool count as together. One counts as 32 MiB, for its thread and the layer's bytes on their
   * way, and as many as its zTOC has: 32,785 for each span, and for each entry its names and some 170. Before it begins its
   * zTOC is taken to have a span for each third of a span size of the layer as stored, if its size is known; from then on
   * it counts as what it has become. It begins when there is room, and waits where it outgrows that, all but the oldest
   * build: so one alone may take what it needs, and that is what the budget can be exceeded by. @default {536_870_912}
   */
  readonly memoryBytes?: number | undefined;
  /** The compiled decoder, for hosts that forbid compiling bytes: see `LoadOptions` of `@socikit/inflate`. */
  readonly module?: WebAssembly.Module | undefined;
  /** The threads' code: this package's `dist/build-worker.js`, where a bundler moved things and does not find it itself. */
  readonly worker?: URL | undefined;
}

/** Options for {@linkcode BuildPool.build}. */
export interface PoolBuildOptions extends ZtocBuilderOptions {
  /** Ends the build with `signal.reason`, also while it waits for its turn. */
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the layer as stored, where they are known and the input does not say. */
  readonly size?: number | undefined;
  /**
   * Hears how many bytes of the tar stream were made of the layer so far: after each chunk of the input, as far as the thread
   * has told, and at the end. From 0 again where the layer is read again.
   */
  readonly onProgress?: ((uncompressed: number) => void) | undefined;
  /**
   * There are none: functions cannot go to another thread. Progress is what was read of the input, which is read here no
   * further ahead than 2 MiB, and `onProgress`.
   */
  readonly consumers?: never;
  /** Each thread has its own. */
  readonly inflate?: never;
}

/**
 * A layer for a pool: an input, or what opens one when the build's turn has come, and lets the pool close it. A build whose
 * thread dies begins again where it can read the layer again: of a BlobSource, or a function.
 */
export type PoolLayer = LayerInput | ((options: { readonly signal: AbortSignal }) => LayerInput | Promise<LayerInput>);

/** Builds zTOCs of several layers side by side. */
export interface BuildPool {
  /** Threads that build, the calling one among them where it does: layers built at once, at most. */
  readonly threads: number;
  /** Bytes that they count as together, at most: see {@linkcode BuildPoolOptions}. */
  readonly memoryBytes: number;
  /**
   * As `buildZtoc`, on a thread of the pool, when its turn has come. Builds begin in the order of the calls. Bytes of the
   * layer are copied into buffers that are moved to the thread and come back, those of a source that has `readInto` read into them;
   * the zTOC is moved.
   *
   * @throws {ZtocError} as `buildZtoc`, and `ERR_ZTOC_WORKER` where the thread ended (twice, if the layer can be read
   * again), could not be started with the `worker` that was given, or the pool was closed.
   * @throws {TypeError} after `close`, and for what is no layer, or no such option.
   */
  build(layer: PoolLayer, options: PoolBuildOptions): Promise<ZtocBuild>;
  /**
   * Starts threads for so many builds that are going to come, or as many as there may be. A thread needs some 30 ms; without this it
   * starts with its first build.
   */
  prepare(builds: number): void;
  /** Ends the threads. Builds that go on or wait reject with `ERR_ZTOC_WORKER`. */
  close(): void;
}

/**
 * Opens a pool of threads that build zTOCs, within a budget of memory and processors. Threads of node:worker_threads where
 * there are those (Node, Deno, Bun), else Web Workers; on hosts without either, or that start none, builds take turns on the calling thread.
 *
 * On Node, Deno and Bun a process does not wait for an idle pool. In browsers threads stay until `close`.
 *
 * @throws {RangeError} for numbers that are not integers of 0 or more.
 */
export function createBuildPool(options: BuildPoolOptions = {}): BuildPool {
  const { threads = Math.min(4, processorCount()), memoryBytes = 512 * 2 ** 20 } = options;
  if (!Number.isSafeInteger(threads) || threads < 0) throw new RangeError(`Cannot open a pool of ${threads} threads`);
  if (!Number.isSafeInteger(memoryBytes) || memoryBytes < 0)
    throw new RangeError(`Cannot open a pool of builders within ${memoryBytes} bytes`);
  return new Pool(hasThreads() ? threads : 0, memoryBytes, options);
}

/** What a build counts as besides its zTOC. */
const BUILD_BYTES: number = 32 * 2 ** 20;
/** Steps in which a build counts more. */
const STEP: number = 2 ** 20;
/**
 * Bytes of a layer after which everything else gets its turn, where it is built on the calling thread: 2 ms. With four times as many
 * a thread beside it waited for its bytes for a quarter of the time, since each step of theirs (read, written, sent) needs a turn.
 */
const TURN: number = 2 ** 18;

class Pool implements BuildPool {
  readonly threads: number;
  readonly memoryBytes: number;
  readonly #options: BuildThreadOptions;
  readonly #admission: BuildAdmission;
  /** Builds that go on threads, at most. */
  readonly #ownThreads: number;
  readonly #idle: BuildThread[] = [];
  readonly #busy: Set<BuildThread> = new Set();
  /** Of the builds that go on or wait. */
  readonly #builds: Set<AbortController> = new Set();
  #isClosed = false;

  constructor(threads: number, memoryBytes: number, { module, worker, usesCallingThread = false }: BuildPoolOptions) {
    this.#ownThreads = threads;
    this.threads = threads + (usesCallingThread || threads === 0 ? 1 : 0);
    this.memoryBytes = memoryBytes;
    this.#options = { module, worker };
    this.#admission = new BuildAdmission(this.threads, memoryBytes);
  }

  async build(layer: PoolLayer, options: PoolBuildOptions): Promise<ZtocBuild> {
    if (this.#isClosed) throw new TypeError("Cannot build zTOC: the pool is closed");
    const { signal, compression, spanSize, buildToolIdentifier, maxZtocBytes } = options;
    signal?.throwIfAborted();
    const builderOptions: ZtocBuilderOptions = { compression, spanSize, buildToolIdentifier, maxZtocBytes };
    // Refused here, before anything is opened.
    const { sizeBound } = new ZtocBuilder(builderOptions);
    if (typeof layer !== "function") checkLayerInput(layer);
    const size = options.size ?? sizeOf(layer);
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`Cannot build zTOC: the layer's size is ${size}`);
    const abort = new AbortController();
    const onAbort = (): void => abort.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#builds.add(abort);
    const expected = expectedSize(builderOptions, size) + sizeBound;
    try {
      const turn = await this.#admission.enter(BUILD_BYTES + expected, abort.signal);
      try {
        // Its listeners hear of no abort that has been.
        abort.signal.throwIfAborted();
        const feed: Feed = { layer, turn, onProgress: options.onProgress };
        return await this.#buildInTurn(feed, builderOptions, abort.signal);
      } finally {
        turn.leave();
      }
    } finally {
      this.#builds.delete(abort);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  prepare(builds: number): void {
    const wanted = this.#isClosed ? 0 : Math.min(builds, this.#ownThreads);
    while (this.#idle.length + this.#busy.size < wanted) {
      try {
        this.#idle.push(new BuildThread(this.#options));
      } catch {
        // The build that needs one says so, or goes on here.
        return;
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const thread of [...this.#idle, ...this.#busy]) thread.terminate();
    this.#idle.length = 0;
    for (const abort of this.#builds)
      abort.abort(new ZtocError("ERR_ZTOC_WORKER", "Cannot build zTOC: the pool was closed"));
  }

  async #buildInTurn(feed: Feed, options: ZtocBuilderOptions, signal: AbortSignal): Promise<ZtocBuild> {
    // Whoever is let in beyond the threads is let in for the calling one.
    if (this.#busy.size === this.#ownThreads)
      return runBuild(await openLocalBuild(options, this.#options.module, signal), feed, signal);
    for (let deaths = 0; ; deaths++) {
      const thread = this.#takeThread();
      if (thread === undefined)
        return runBuild(await openLocalBuild(options, this.#options.module, signal), feed, signal);
      const abort = new AbortController();
      const onAbort = (): void => abort.abort(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      const build = thread.begin(options, abort);
      try {
        return await runBuild(build, feed, abort.signal);
      } catch (error) {
        if (!build.hasDied || signal.aborted || deaths > 0 || !canReadAgain(feed.layer)) throw error;
      } finally {
        signal.removeEventListener("abort", onAbort);
        this.#busy.delete(thread);
        if (!thread.isDead) this.#idle.push(thread);
      }
    }
  }

  /** `undefined` where the host starts none, or forbids it: Deno without permissions. Code that was named and cannot run is an error. */
  #takeThread(): BuildThread | undefined {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      // It may have ended while it had nothing to do.
      if (idle.isDead) continue;
      this.#busy.add(idle);
      return idle;
    }
    try {
      const thread = new BuildThread(this.#options);
      this.#busy.add(thread);
      return thread;
    } catch (cause) {
      if (this.#options.worker === undefined) return undefined;
      throw new ZtocError("ERR_ZTOC_WORKER", "Cannot build zTOC: no thread could be started", { cause });
    }
  }
}

/** Bytes of a zTOC of a layer of so many bytes, as stored: the windows of its spans. It compresses to a third. */
function expectedSize({ compression, spanSize = DEFAULT_SPAN_SIZE }: ZtocBuilderOptions, size: number): number {
  if (compression !== "gzip") return 0;
  // No zTOC is larger than what the layer holds.
  return Math.min(3 * size, Math.ceil((3 * size) / Math.max(1, spanSize)) * CHECKPOINT_SIZE);
}

function sizeOf(layer: PoolLayer): number {
  return isSource(layer) ? layer.size : 0;
}

function canReadAgain(layer: PoolLayer): boolean {
  return typeof layer === "function" || isSource(layer);
}

function isSource(layer: PoolLayer): layer is BlobSource {
  return typeof layer !== "function" && !("getReader" in layer) && !(Symbol.asyncIterator in layer);
}

/** What is read into a build. */
interface Feed {
  readonly layer: PoolLayer;
  readonly turn: Turn;
  readonly onProgress: PoolBuildOptions["onProgress"];
}

/** Reads the layer into a build. Ends with the signal's reason as soon as it aborts. */
async function runBuild(
  build: PooledBuild,
  { layer, turn, onProgress }: Feed,
  signal: AbortSignal,
): Promise<ZtocBuild> {
  let opened: LayerInput | undefined;
  try {
    let input = layer;
    if (typeof input === "function") {
      input = await openLayer(input, signal);
      checkLayerInput(input);
      opened = input;
    }
    const { chunks, hold } = openLayerInput(input, signal, () => build.take());
    for await (const chunk of chunks) {
      checkChunk(chunk);
      await build.push(chunk, hold);
      onProgress?.(build.uncompressed);
      await turn.count(BUILD_BYTES + Math.ceil(build.sizeBound / STEP) * STEP, signal);
    }
    const result = await build.finish();
    onProgress?.(build.uncompressed);
    return result;
  } finally {
    build.close();
    // Not awaited: a read that hangs can hold it up.
    if (opened !== undefined) closeLayer(opened);
  }
}

/** Lets go of a layer that was opened for a build, if it has not been read to its end. */
function closeLayer(layer: LayerInput): void {
  // What is read from has a reader that cancels it.
  if ("getReader" in layer) void (layer.locked ? undefined : layer.cancel().catch(() => {}));
  else if (!(Symbol.asyncIterator in layer)) void layer.close?.().catch(() => {});
}

/** Opens a layer, and does not wait for it after an abort: what comes then is thrown away. */
function openLayer(open: Extract<PoolLayer, (...options: never) => unknown>, signal: AbortSignal): Promise<LayerInput> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    const opening = (async () => open({ signal }))();
    opening
      .then(
        (layer) => {
          if (signal.aborted) closeLayer(layer);
          resolve(layer);
        },
        (error: unknown) => reject(error),
      )
      .finally(() => signal.removeEventListener("abort", giveUp));
  });
}

/** Node's `setImmediate`: a timer takes a millisecond at least. */
const { setImmediate } = globalThis as { readonly setImmediate?: (callback: () => void) => unknown };

/** Lets the event loop go round once. */
function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => void (setImmediate === undefined ? setTimeout(resolve) : setImmediate(resolve)));
}

async function openLocalBuild(
  options: ZtocBuilderOptions,
  module: WebAssembly.Module | undefined,
  signal: AbortSignal,
): Promise<PooledBuild> {
  const inflate =
    options.compression === "gzip" ? await loadInflate(module === undefined ? undefined : { module }) : undefined;
  const build = new LayerBuild(options, inflate);
  let sinceTurn = 0;
  return {
    hasDied: false,
    get sizeBound() {
      return build.sizeBound;
    },
    get uncompressed() {
      return build.uncompressed;
    },
    take: turningBuffers(),
    async push(chunk) {
      for (let at = 0; at < chunk.length;) {
        const piece = chunk.subarray(at, at + TURN - sinceTurn);
        build.push(piece);
        at += piece.length;
        sinceTurn += piece.length;
        if (sinceTurn < TURN) return;
        sinceTurn = 0;
        await eventLoopTurn();
        signal.throwIfAborted();
      }
    },
    finish: async () => build.finish(),
    close: () => build.close(),
  };
}
