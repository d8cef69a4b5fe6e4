import { nodeBuiltin } from "./node-builtin.ts";
import type { FromWorker, ToWorker } from "./worker-messages.ts";

/** A worker, on whatever host. */
export interface DecoderThread {
  post(message: ToWorker, transfer: readonly ArrayBufferLike[]): void;
  /** Whether the process should wait for it, where that is up to anybody. */
  keepAlive(isWanted: boolean): void;
  terminate(): void;
}

/** What a {@linkcode DecoderThread} tells. */
export interface ThreadListener {
  message(message: FromWorker): void;
  /** It failed or ended; nothing follows. Not told of one that was terminated. */
  death(cause: unknown): void;
}

/** `Worker` of node:worker_threads, what is used of it. */
interface NodeWorker {
  on(event: "message" | "messageerror" | "error" | "exit", listener: (value: unknown) => void): void;
  postMessage(message: ToWorker, transfer: readonly ArrayBufferLike[]): void;
  ref?(): void;
  unref?(): void;
  terminate(): unknown;
}

interface WorkerThreads {
  readonly Worker: new (url: URL, options: { readonly execArgv: readonly string[] }) => NodeWorker;
}

/**
 * Starts a worker: a thread of node:worker_threads where there is that (Node, Deno, Bun: it says when it ends, and a process
 * need not wait for it), else a Web Worker.
 *
 * @param url Of the worker's code; default: decoder-worker beside this file.
 */
export function openDecoderThread(url: URL | undefined, listener: ThreadListener): DecoderThread {
  const threads = nodeBuiltin("node:worker_threads") as WorkerThreads | undefined;
  return threads === undefined ? openWebWorker(url, listener) : openNodeWorker(threads, url, listener);
}

function openNodeWorker(threads: WorkerThreads, url: URL | undefined, listener: ThreadListener): DecoderThread {
  // The process's own options can be ones that a worker with a file cannot have (--input-type).
  const worker = new threads.Worker(url ?? siblingUrl(), { execArgv: [] });
  let isOver = false;
  const die = (cause: unknown): void => {
    if (isOver) return;
    isOver = true;
    void worker.terminate();
    listener.death(cause);
  };
  worker.on("message", (message) => {
    if (!isOver) listener.message(message as FromWorker);
  });
  worker.on("messageerror", die);
  worker.on("error", die);
  worker.on("exit", (code) => die(new Error(`the worker ended with exit code ${String(code)}`)));
  worker.unref?.();
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    keepAlive(isWanted) {
      if (isWanted) worker.ref?.();
      else worker.unref?.();
    },
    terminate() {
      isOver = true;
      void worker.terminate();
    },
  };
}

function openWebWorker(url: URL | undefined, listener: ThreadListener): DecoderThread {
  // In one expression, with a literal: so bundlers find the worker.
  const worker =
    url === undefined
      ? new Worker(new URL("./decoder-worker.js", import.meta.url), { type: "module" })
      : new Worker(url, { type: "module" });
  let isOver = false;
  const die = (event: Event): void => {
    // It is told of here; it is no uncaught error of this thread.
    event.preventDefault();
    if (isOver) return;
    isOver = true;
    worker.terminate();
    listener.death(new Error(("message" in event && String(event.message)) || "the worker could not be loaded"));
  };
  worker.addEventListener("message", (event: MessageEvent<FromWorker>) => {
    if (!isOver) listener.message(event.data);
  });
  worker.addEventListener("messageerror", die);
  worker.addEventListener("error", die);
  return {
    post: (message, transfer) => worker.postMessage(message, transfer as ArrayBuffer[]),
    keepAlive() {},
    terminate() {
      isOver = true;
      worker.terminate();
    },
  };
}

/** decoder-worker as this file is, compiled or not: Deno, Bun and Node 26 run sources. */
function siblingUrl(): URL {
  const sibling = import.meta.url.replace(/\/decoder-thread\.([jt]s)$/, "/decoder-worker.$1");
  return sibling === import.meta.url ? new URL("./decoder-worker.js", import.meta.url) : new URL(sibling);
}
