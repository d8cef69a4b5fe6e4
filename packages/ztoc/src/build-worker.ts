/*
 * A thread of a pool of builders: builds one layer after the other. To be started by BuildPool, never imported.
 */
import { type Inflate, loadInflate } from "@socikit/inflate";
import { runAsWorker } from "@socikit/inflate/worker-thread";
import type { FromBuildWorker, ToBuildWorker } from "./build-messages.ts";
import { LayerBuild } from "./layer-build.ts";
import { sentError } from "./sent-error.ts";

type Post = (message: FromBuildWorker, transfer: readonly ArrayBufferLike[]) => void;

class BuildWorker {
  readonly #post: Post;
  #inflate: Promise<Inflate> | undefined;
  /** The build that goes on here; none where it failed. */
  #current: { readonly id: number; readonly build: LayerBuild } | undefined;
  /** Settles when what was received before is done. */
  #before: Promise<void> = Promise.resolve();

  constructor(post: Post) {
    this.#post = post;
  }

  receive(message: ToBuildWorker): void {
    if (message.kind === "load") {
      this.#inflate = loadInflate(message.module === undefined ? undefined : { module: message.module });
      // Each build reports it.
      this.#inflate.catch(() => {});
      return;
    }
    this.#before = this.#before.then(() => this.#handle(message));
  }

  async #handle(message: Exclude<ToBuildWorker, { kind: "load" }>): Promise<void> {
    const id = message.build;
    try {
      await this.#do(message);
    } catch (error) {
      this.#drop();
      this.#post({ kind: "failed", build: id, error: sentError(error) }, []);
    }
    if (message.kind !== "chunk") return;
    const buffer = message.bytes.buffer as ArrayBuffer;
    const { sizeBound = 0, uncompressed = 0 } = this.#current?.build ?? {};
    this.#post({ kind: "taken", build: id, buffer, sizeBound, uncompressed }, [buffer]);
  }

  async #do(message: Exclude<ToBuildWorker, { kind: "load" }>): Promise<void> {
    if (message.kind === "begin") {
      this.#drop();
      const inflate = message.options.compression === "gzip" ? await this.#inflate : undefined;
      this.#current = { id: message.build, build: new LayerBuild(message.options, inflate) };
      return;
    }
    // Of a build that failed more may come until the pool hears of it.
    if (this.#current?.id !== message.build) return;
    const { build } = this.#current;
    switch (message.kind) {
      case "chunk":
        return build.push(message.bytes);
      case "end": {
        const { bytes, digest, warnings, needsXattrs } = build.finish();
        this.#current = undefined;
        const result = { bytes, digest, warnings, needsXattrs };
        const { uncompressed } = build;
        this.#post({ kind: "built", build: message.build, result, uncompressed }, [bytes.buffer]);
        return;
      }
      case "cancel":
        return this.#drop();
    }
  }

  #drop(): void {
    this.#current?.build.close();
    this.#current = undefined;
  }
}

runAsWorker<ToBuildWorker, FromBuildWorker>((post) => {
  const worker = new BuildWorker(post);
  return (message) => worker.receive(message);
});
