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
  /** Settles when the span that is being decoded is done, or waits. */
  #busy: Promise<void> = Promise.resolve();

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
    let leave = await this.#enter();
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
          leave();
          await new Promise<void>((resolve) => {
            job.wake = resolve;
          });
          leave = await this.#enter();
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
      leave();
      this.#jobs.delete(id);
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

  /** Waits for its turn; answers how to leave it to the next one. */
  async #enter(): Promise<() => void> {
    const before = this.#busy;
    let leave = (): void => {};
    this.#busy = new Promise((resolve) => {
      leave = resolve;
    });
    await before;
    return leave;
  }
}

runAsWorker<ToWorker, FromWorker>((post) => {
  const worker = new DecoderWorker(post);
  return (message) => worker.receive(message);
});
