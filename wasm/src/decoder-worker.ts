/*
 * The worker of a decoder pool: decodes one span at a time, and another one while that one waits for its chunks to be
 * taken. To be started by DecoderPool, never imported.
 */
import { chooseDecoder } from "./choose-decoder.ts";
import { InflateError } from "./errors.ts";
import type { SpanDecoder } from "./span-decoder.ts";
import { unsetBytes } from "./unset-bytes.ts";
import {
  CHUNKS_AHEAD,
  CHUNKS_AT_ONCE,
  type FromWorker,
  LENT_SIZE,
  type SpanError,
  type ToWorker,
} from "./worker-messages.ts";
import { runAsWorker } from "./worker-thread.ts";

class Job {
  readonly message: Extract<ToWorker, { kind: "decode" }>;
  /** Chunks that may still be sent. */
  credit: number = CHUNKS_AHEAD;
  isCancelled = false;
  /** Called when `credit` or `isCancelled` changes. */
  wake: () => void = () => {};

  constructor(message: Extract<ToWorker, { kind: "decode" }>) {
    this.message = message;
  }
}

class DecoderWorker {
  readonly #post: (message: FromWorker, transfer: readonly ArrayBufferLike[]) => void;
  readonly #jobs = new Map<number, Job>();
  #decoder: Promise<SpanDecoder> | undefined;
  /** Buffers that came back. */
  readonly #buffers: ArrayBuffer[] = [];
  /** The span that is being decoded. */
  #current: Job | undefined;
  /** Those whose turn comes then, and how to tell them. */
  readonly #waiting: { readonly job: Job; readonly enter: () => void }[] = [];

  constructor(post: (message: FromWorker, transfer: readonly ArrayBufferLike[]) => void) {
    this.#post = post;
  }

  receive(message: ToWorker): void {
    if (message.kind === "load") {
      this.#decoder = chooseDecoder({ module: message.module }).then(({ decoder }) => decoder);
      // Each job reports it.
      this.#decoder.catch(() => {});
      return;
    }
    if (message.kind === "decode") {
      const job = new Job(message);
      this.#jobs.set(message.job, job);
      void this.#run(job);
      return;
    }
    for (const buffer of message.buffers) if (this.#buffers.length < CHUNKS_AHEAD) this.#buffers.push(buffer);
    const job = this.#jobs.get(message.job);
    if (job === undefined) return;
    if (message.kind === "taken") job.credit += message.chunks;
    else job.isCancelled = true;
    job.wake();
  }

  async #run(job: Job): Promise<void> {
    const { job: id, start, compressed, want, lends } = job.message;
    await this.#enter(job);
    let chunks: Uint8Array[] = [];
    let atOnce = 1;
    const post = (message: { readonly kind: "chunks" } | { readonly kind: "end" } | SpanError): void => {
      this.#post(
        { ...message, job: id, chunks },
        chunks.map(({ buffer }) => buffer),
      );
      chunks = [];
    };
    try {
      const decoder = await this.#decoder;
      if (decoder === undefined) throw new TypeError("Cannot decode a span: no decoder was loaded");
      if (job.isCancelled) return;
      for await (const bytes of decoder.decode(start, compressed, want, { lends })) {
        if (job.isCancelled) break;
        chunks.push(lends ? this.#lend(bytes) : bytes);
        job.credit--;
        if (chunks.length < atOnce && job.credit > 0) continue;
        post({ kind: "chunks" });
        atOnce = CHUNKS_AT_ONCE;
        while (job.credit === 0 && !job.isCancelled) {
          this.#leave();
          await new Promise<void>((resolve) => {
            job.wake = resolve;
          });
          await this.#enter(job);
        }
      }
      post({ kind: "end" });
    } catch (error) {
      const isOwn = error instanceof InflateError;
      post({
        kind: "error",
        message: error instanceof Error ? error.message : String(error),
        code: isOwn ? error.code : undefined,
        offset: isOwn ? error.offset : start.byte,
      });
    } finally {
      this.#jobs.delete(id);
      this.#leave();
    }
  }

  /** The same bytes in memory that can be moved to the pool, and comes back from there. */
  #lend(bytes: Uint8Array): Uint8Array {
    // What a decoder gave in memory of its own is moved as it is.
    if (bytes.byteLength === bytes.buffer.byteLength) return bytes;
    const isUsual = bytes.length <= LENT_SIZE;
    const buffer = isUsual ? this.#buffers.pop() : undefined;
    const memory = buffer === undefined ? unsetBytes(isUsual ? LENT_SIZE : bytes.length) : new Uint8Array(buffer);
    memory.set(bytes);
    return memory.subarray(0, bytes.length);
  }

  /** Waits for its turn. */
  async #enter(job: Job): Promise<void> {
    if (this.#current === undefined) this.#begin(job);
    else await new Promise<void>((enter) => this.#waiting.push({ job, enter }));
  }

  /** Ends its turn. */
  #leave(): void {
    this.#current = undefined;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#begin(next.job);
    next.enter();
  }

  /** The pool is told before anything is done: should this thread end of it, it is known what for. */
  #begin(job: Job): void {
    this.#current = job;
    this.#post({ kind: "turn", job: job.message.job }, []);
  }
}

runAsWorker<ToWorker, FromWorker>((post) => {
  const worker = new DecoderWorker(post);
  return (message) => worker.receive(message);
});
