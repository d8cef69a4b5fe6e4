import { checkBytes, checkRange, checkStart } from "./check-span.ts";
import { InflateError } from "./errors.ts";
import type { DecodeOptions, SpanDecoder, Start } from "./span-decoder.ts";
import { CHUNKS_AHEAD, type FromWorker, LENT_SIZE, type ToWorker } from "./worker-messages.ts";
import { openWorkerThread, processorCount, type WorkerFile, type WorkerThread, workerUrl } from "./worker-thread.ts";

/** Options for {@linkcode createDecoderPool}. */
export interface DecoderPoolOptions {
  /** Workers at most, started when they are needed. Default: as many as there are processors, 4 at most. */
  readonly size?: number | undefined;
  /** The compiled module, for hosts that forbid compiling bytes: see {@linkcode LoadOptions}. */
  readonly module?: WebAssembly.Module | undefined;
  /**
   * The worker's code: this package's `dist/decoder-worker.js`, where a bundler moved things and does not find it itself.
   */
  readonly worker?: URL | undefined;
}

/** Decodes spans on worker threads. */
export interface DecoderPool extends SpanDecoder {
  /** Workers at most. */
  readonly size: number;
  /** Ends the workers. What is being decoded rejects with `ERR_INFLATE_ABORTED_INSTANCE`; later calls throw a TypeError. */
  close(): void;
}

/**
 * Opens a pool of workers that decode spans side by side; one after the other they would gain nothing.
 *
 * Compressed bytes in a SharedArrayBuffer are not copied; others are, once, as are windows. A worker that dies is replaced
 * and what it was decoding goes on in another one, once: then it rejects with `ERR_INFLATE_ABORTED_INSTANCE`. Spans that only
 * waited for that worker are given to another as often as it takes. Browsers do not tell of workers that they end without an
 * error.
 *
 * On Node, Deno and Bun a process waits for workers only while somebody waits for a chunk of theirs: not for an idle pool, nor
 * for spans that nobody goes on reading. In browsers workers stay until `close`.
 *
 * @throws {RangeError} for a size that is no positive integer, or above 2^53 - 1.
 */
export function createDecoderPool(options: DecoderPoolOptions = {}): DecoderPool {
  const { size = Math.min(4, processorCount()) } = options;
  if (!Number.isSafeInteger(size) || size < 1) throw new RangeError(`Cannot open a pool of ${String(size)} workers`);
  return new WorkerPool(size, options);
}

function workerFile(given: URL | undefined): WorkerFile {
  return {
    url: given ?? workerUrl(import.meta.url, "decoder-pool", "decoder-worker"),
    openWeb: () =>
      given === undefined
        ? new Worker(new URL("./decoder-worker.js", import.meta.url), { type: "module" })
        : new Worker(given, { type: "module" }),
  };
}

/** Chunks that are taken before the worker is told: half of what it may send ahead, so that it need not wait. */
const TAKEN_AT_ONCE = CHUNKS_AHEAD / 2;

/** A span, from its first chunk wanted to its last one taken. */
class Job {
  readonly id: number;
  readonly start: Start;
  readonly compressed: Uint8Array;
  readonly want: { readonly start: number; readonly end: number };
  readonly lends: boolean;
  /** The worker that decodes it. */
  worker: PoolWorker | undefined;
  /** The worker that did so last. */
  lender: PoolWorker | undefined;
  /** Workers that died while they decoded it, or before they decoded anything. */
  deaths = 0;
  /** Whether somebody waits for a chunk. */
  isAwaited = false;
  /** Bytes that came. */
  received = 0;
  /** Chunks taken since the worker was told. */
  taken = 0;
  readonly chunks: Uint8Array[] = [];
  /** Set when nothing more comes. */
  outcome: { readonly error: Error | undefined } | undefined;
  /** Called when there is a chunk or an outcome. */
  wake: () => void = () => {};

  constructor(
    id: number,
    start: Start,
    compressed: Uint8Array,
    want: { readonly start: number; readonly end: number },
    lends: boolean,
  ) {
    this.id = id;
    this.start = start;
    this.compressed = compressed;
    this.want = want;
    this.lends = lends;
  }

  finish(error?: Error): void {
    this.outcome = { error };
    this.wake();
  }
}

/** One worker, and what it has to do. */
interface PoolWorker {
  readonly thread: WorkerThread<ToWorker>;
  readonly jobs: Map<number, Job>;
  /** The job that it said last to be at work for; `undefined` before the first. That one may have ended since. */
  turn: number | undefined;
  /** Whether the process waits for it. */
  isKeptAlive: boolean;
}

/** A process waits for a worker while somebody waits for it. One who was given a chunk may have gone. */
function keepAliveAsNeeded(worker: PoolWorker): void {
  let isAwaited = false;
  for (const job of worker.jobs.values()) isAwaited ||= job.isAwaited;
  if (isAwaited === worker.isKeptAlive) return;
  worker.isKeptAlive = isAwaited;
  worker.thread.keepAlive(isAwaited);
}

class WorkerPool implements DecoderPool {
  readonly size: number;
  readonly #options: DecoderPoolOptions;
  readonly #workers = new Set<PoolWorker>();
  #jobs = 0;
  #isClosed = false;

  constructor(size: number, options: DecoderPoolOptions) {
    this.size = size;
    this.#options = options;
  }

  decode(
    start: Start,
    compressed: Uint8Array,
    want: { readonly start: number; readonly end: number },
    options?: DecodeOptions,
  ): AsyncIterable<Uint8Array> {
    checkStart(start);
    checkRange(want);
    checkBytes("decode a span", "its compressed bytes", compressed);
    if (this.#isClosed) throw new TypeError("Cannot decode a span: the pool is closed");
    return this.#decode(new Job(++this.#jobs, start, compressed, want, options?.lends ?? false), options?.signal);
  }

  close(): void {
    this.#isClosed = true;
    for (const { thread, jobs } of this.#workers) {
      thread.terminate();
      for (const job of jobs.values()) job.finish(aborted(job, "the pool was closed"));
    }
    this.#workers.clear();
  }

  async *#decode(job: Job, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    signal?.throwIfAborted();
    if (job.want.start === job.want.end) return;
    checkStart(job.start);
    const onAbort = (): void => job.wake();
    signal?.addEventListener("abort", onAbort, { once: true });
    /** Buffers that go back. */
    let done: ArrayBuffer[] = [];
    try {
      this.#assign(job);
      for (;;) {
        const chunk = job.chunks.shift();
        if (chunk !== undefined) {
          yield chunk;
          if (job.lends) giveBack(chunk, done);
          if (++job.taken === TAKEN_AT_ONCE) {
            job.worker?.thread.post({ kind: "taken", job: job.id, chunks: job.taken, buffers: done }, done);
            job.taken = 0;
            if (job.worker !== undefined) done = [];
          }
        } else if (job.outcome !== undefined) {
          if (job.outcome.error !== undefined) throw job.outcome.error;
          return;
        } else {
          this.#await(job, true);
          await new Promise<void>((resolve) => {
            job.wake = resolve;
          });
          this.#await(job, false);
        }
        signal?.throwIfAborted();
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
      // What was not waited for.
      if (job.lends) for (const chunk of job.chunks) giveBack(chunk, done);
      if (job.worker !== undefined || done.length > 0)
        job.lender?.thread.post({ kind: "over", job: job.id, buffers: done }, done);
      this.#release(job);
    }
  }

  #assign(job: Job): void {
    if (this.#isClosed) return job.finish(aborted(job, "the pool was closed"));
    try {
      this.#post(job, this.#choose());
    } catch (cause) {
      job.finish(aborted(job, "no worker could be given this span", { cause }));
    }
  }

  /** The worker that has the least to do, or a new one. */
  #choose(): PoolWorker {
    let least: PoolWorker | undefined;
    for (const worker of this.#workers) {
      if (least === undefined || worker.jobs.size < least.jobs.size) least = worker;
    }
    return least === undefined || (least.jobs.size > 0 && this.#workers.size < this.size) ? this.#open() : least;
  }

  #post(job: Job, worker: PoolWorker): void {
    // Posting a view copies all of the buffer that it views: zTOCs are viewed by each of their windows.
    // `slice` of a Buffer would be a view, too.
    const window = job.start.window.map(({ at, bytes }) => ({ at, bytes: new Uint8Array(bytes) }));
    const { blockHeader } = job.start;
    const isShared = typeof SharedArrayBuffer === "function" && job.compressed.buffer instanceof SharedArrayBuffer;
    const compressed = isShared ? job.compressed : copyOf(job.compressed);
    worker.thread.post(
      {
        kind: "decode",
        job: job.id,
        start: {
          ...job.start,
          window,
          ...(blockHeader === undefined ? {} : { blockHeader: new Uint8Array(blockHeader) }),
        },
        compressed,
        want: { start: job.want.start + job.received, end: job.want.end },
        lends: job.lends,
      },
      [...(isShared ? [] : [compressed.buffer]), ...window.map(({ bytes }) => bytes.buffer)],
    );
    job.worker = worker;
    job.lender = worker;
    job.taken = 0;
    worker.jobs.set(job.id, job);
    keepAliveAsNeeded(worker);
  }

  #await(job: Job, isAwaited: boolean): void {
    job.isAwaited = isAwaited;
    if (job.worker !== undefined) keepAliveAsNeeded(job.worker);
  }

  #open(): PoolWorker {
    const jobs = new Map<number, Job>();
    const thread = openWorkerThread<ToWorker, FromWorker>(workerFile(this.#options.worker), {
      message: (message) => {
        if (message.kind === "turn") {
          worker.turn = message.job;
          return;
        }
        const job = jobs.get(message.job);
        if (job !== undefined) this.#receive(job, message);
      },
      death: (cause) => this.#replace(worker, cause),
    });
    const worker: PoolWorker = { thread, jobs, turn: undefined, isKeptAlive: false };
    this.#workers.add(worker);
    thread.post({ kind: "load", module: this.#options.module }, []);
    return worker;
  }

  #receive(job: Job, message: Exclude<FromWorker, { kind: "turn" }>): void {
    for (const bytes of message.chunks) {
      job.chunks.push(bytes);
      job.received += bytes.length;
    }
    if (message.kind === "chunks") return job.wake();
    this.#release(job);
    if (message.kind === "end") return job.finish();
    const { code, offset } = message;
    job.finish(new InflateError(code ?? "ERR_INFLATE_ABORTED_INSTANCE", offset, message.message));
  }

  #release(job: Job): void {
    const { worker } = job;
    if (worker === undefined) return;
    job.worker = undefined;
    worker.jobs.delete(job.id);
    keepAliveAsNeeded(worker);
  }

  /** What the dead worker had to do, another one does: what it was given is still here. */
  #replace(dead: PoolWorker, cause: unknown): void {
    this.#workers.delete(dead);
    const isNew = dead.turn === undefined;
    for (const job of dead.jobs.values()) {
      job.worker = undefined;
      // Of a worker that cannot even begin nobody knows why: others would be started for ever.
      if (isNew || job.id === dead.turn) job.deaths++;
      if (job.deaths < 2) {
        this.#assign(job);
      } else {
        const found = isNew
          ? "two workers ended before they began with this span"
          : "two workers ended while they decoded this span";
        job.finish(aborted(job, found, { cause }));
      }
    }
  }
}

/** None of bytes that were transferred away: whoever decodes them finds that they end. */
function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.length === 0 ? new Uint8Array(0) : new Uint8Array(bytes);
}

/** The buffer of a chunk that was lent, unless somebody has taken it. */
function giveBack({ buffer }: Uint8Array, buffers: ArrayBuffer[]): void {
  if (buffer.byteLength === LENT_SIZE) buffers.push(buffer as ArrayBuffer);
}

function aborted(job: Job, found: string, options?: ErrorOptions): InflateError {
  const message = `Cannot inflate: ${found}, which begins at compressed offset ${job.start.byte}`;
  return new InflateError("ERR_INFLATE_ABORTED_INSTANCE", job.start.byte, message, options);
}
