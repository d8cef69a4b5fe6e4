/**
 * Threads that run one file, on whatever host: node:worker_threads where there is that (Node, Deno, Bun: it says when a
 * thread ends, and a process need not wait for it), else Web Workers. For the pools of socikit's packages.
 *
 * @module
 */
import { nodeBuiltin } from "./node-builtin.ts";

/** A thread, as the one who started it sees it. */
export interface WorkerThread<To> {
  /** Sends a message. Buffers in `transfer` are moved, not copied, and gone here. */
  post(message: To, transfer: readonly ArrayBufferLike[]): void;
  /** Whether the process should wait for it, where that is up to anybody. Not at first. */
  keepAlive(isWanted: boolean): void;
  /** Ends it. Nothing is told any more. */
  terminate(): void;
}

/** What a {@linkcode WorkerThread} tells. */
export interface WorkerThreadListener<From> {
  /** It sent a message. */
  message(message: From): void;
  /** It failed or ended; nothing follows. Not told of one that was terminated. */
  death(cause: unknown): void;
}

/** The file that a thread runs. */
export interface WorkerFile {
  /** Where it is. */
  readonly url: URL;
  /**
   * Starts it as a Web Worker: `new Worker(new URL("./file.js", import.meta.url), { type: "module" })`, in one expression,
   * which is what bundlers look for.
   */
  readonly openWeb: () => Worker;
}

/** `Worker` of node:worker_threads, what is used of it. */
interface NodeWorker {
  on(event: "message" | "messageerror" | "error" | "exit", listener: (value: unknown) => void): void;
  postMessage(message: unknown, transfer: readonly ArrayBufferLike[]): void;
  ref?(): void;
  unref?(): void;
  terminate(): unknown;
}

/** What both kinds of workers' own ports have. */
interface Port {
  postMessage(message: unknown, transfer: readonly ArrayBufferLike[]): void;
}

interface WorkerOptions {
  readonly execArgv: readonly string[];
  readonly resourceLimits: { readonly maxYoungGenerationSizeMb: number };
}

interface WorkerThreads {
  readonly Worker: new (url: URL, options: WorkerOptions) => NodeWorker;
  readonly parentPort?: (Port & { on(event: "message", listener: (data: unknown) => void): void }) | null;
}

function workerThreads(): WorkerThreads | undefined {
  return nodeBuiltin("node:worker_threads") as WorkerThreads | undefined;
}

/** Whether the host has threads at all. */
export function hasThreads(): boolean {
  return workerThreads() !== undefined || typeof Worker === "function";
}

/** Threads that the host runs at once, as far as it says. */
export function processorCount(): number {
  const os = nodeBuiltin("node:os") as { availableParallelism?(): number } | undefined;
  return os?.availableParallelism?.() ?? (globalThis as { navigator?: Navigator }).navigator?.hardwareConcurrency ?? 2;
}

/** Starts a thread. Throws what the host throws where it cannot; a file that is not there is a death. */
export function openWorkerThread<To, From>(file: WorkerFile, listener: WorkerThreadListener<From>): WorkerThread<To> {
  const threads = workerThreads();
  return threads === undefined ? openWebWorker(file, listener) : openNodeWorker(threads, file, listener);
}

function openNodeWorker<To, From>(
  threads: WorkerThreads,
  file: WorkerFile,
  listener: WorkerThreadListener<From>,
): WorkerThread<To> {
  const worker = new threads.Worker(file.url, {
    // The process's own options can be ones that a worker with a file cannot have (--input-type).
    execArgv: [],
    // What these threads make is gone soon. By default new objects may take 48 MB before they are looked at; so a thread that
    // builds takes 18 MB instead of 21, in the same time.
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  });
  let isOver = false;
  const die = (cause: unknown): void => {
    if (isOver) return;
    isOver = true;
    void worker.terminate();
    listener.death(cause);
  };
  worker.on("message", (message) => {
    if (!isOver) listener.message(message as From);
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

function openWebWorker<To, From>(file: WorkerFile, listener: WorkerThreadListener<From>): WorkerThread<To> {
  const worker = file.openWeb();
  let isOver = false;
  const die = (event: Event): void => {
    // It is told of here; it is no uncaught error of this thread.
    event.preventDefault();
    if (isOver) return;
    isOver = true;
    worker.terminate();
    listener.death(new Error(("message" in event && String(event.message)) || "the worker could not be loaded"));
  };
  worker.addEventListener("message", (event: MessageEvent<From>) => {
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

/**
 * Where a file of workers lies beside the one that starts it, compiled or not: Deno, Bun and Node 26 run sources.
 *
 * @param from `import.meta.url` of the one that starts it, which has to be the file `starter`: a bundler moves it elsewhere,
 * and then the file is looked for as it is when compiled.
 */
export function workerUrl(from: string, starter: string, file: string): URL {
  return new URL(`./${file}.${from.endsWith(`/${starter}.ts`) ? "ts" : "js"}`, from);
}

/**
 * In a thread: sends to the one who started it. `receive` gets what that one sends.
 *
 * @param start Called once, where this is a thread at all; what it returns receives.
 */
export function runAsWorker<To, From>(
  start: (post: (message: From, transfer: readonly ArrayBufferLike[]) => void) => (message: To) => void,
): void {
  const parentPort = workerThreads()?.parentPort ?? undefined;
  if (parentPort !== undefined) {
    const receive = start((message, transfer) => parentPort.postMessage(message, transfer));
    parentPort.on("message", (message) => receive(message as To));
  } else if ("WorkerGlobalScope" in globalThis) {
    const scope = globalThis as unknown as Port & EventTarget;
    const receive = start((message, transfer) => scope.postMessage(message, transfer));
    scope.addEventListener("message", (event) => receive((event as MessageEvent<To>).data));
  }
}
