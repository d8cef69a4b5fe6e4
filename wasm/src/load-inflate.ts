import { type BufferSizes, isInflateModule } from "./core.ts";
import { CorePool } from "./core-pool.ts";
import { InflateError } from "./errors.ts";
import { type GzipScan, type GzipScanOptions, type GzipSink, openGzipScan } from "./gzip-scan.ts";
import { INFLATE_WASM_BASE64 } from "./inflate-wasm.generated.ts";
import { createSpanDecoder, type SpanDecoder, type Start } from "./span-decoder.ts";
import { findWindowUse, type WindowRun } from "./window-use.ts";

/** Options for {@linkcode loadInflate}. */
export interface LoadOptions {
  /**
   * The compiled module, for hosts that forbid compiling bytes at run time (Cloudflare Workers, a strict
   * Content-Security-Policy). It is that of the file `@socikit/inflate/inflate.wasm`.
   */
  readonly module?: WebAssembly.Module | undefined;
}

/** Decoding of gzip and DEFLATE. Scans and spans may be open side by side: each has an instance of its own. */
export interface Inflate {
  /**
   * Opens a decode of a whole stream of gzip members that reports block boundaries. It holds an instance (512 KiB) until
   * `finish` or `close`.
   */
  scanGzip(sink: GzipSink, options?: GzipScanOptions): GzipScan;
  /** Decoding from checkpoints, on the calling thread. */
  readonly decoder: SpanDecoder;
  /**
   * Which bytes of the window the first `length` bytes of output behind a start reference: those that a checkpoint must
   * keep. `start.window` is not looked at. At most 32768 bytes are decoded, as later ones cannot reference it.
   *
   * @param compressed The compressed stream from `start.byte` on, as much as those bytes need.
   * @returns Runs in ascending order, that do not touch.
   */
  windowUse(start: Start, compressed: Uint8Array, length: number): readonly WindowRun[];
}

/** Compiled once per process. */
let ownInflate: Promise<Inflate> | undefined;

/**
 * Compiles the decoder, or takes a compiled one. Without a module all callers share one {@linkcode Inflate}.
 *
 * @throws {InflateError} `ERR_INFLATE_FOREIGN_MODULE` for a module that is not this package's.
 */
export function loadInflate(options?: LoadOptions): Promise<Inflate> {
  const module = options?.module;
  if (module !== undefined) return createInflate(module);
  ownInflate ??= compileOwnModule().then((own) => createInflate(own));
  return ownInflate;
}

/** Compiles the embedded module, at once: in 0.5 ms instead of the 0.8–3 ms that it takes for another thread to have done it. */
export async function compileOwnModule(): Promise<WebAssembly.Module> {
  const bytes = decodeBase64(INFLATE_WASM_BASE64);
  try {
    return new WebAssembly.Module(bytes);
  } catch {
    // Some browsers' main thread compiles no module of more than 4 KiB at once.
    return WebAssembly.compile(bytes);
  }
}

/** A decoder with a pool of its own. */
export async function createInflate(module: WebAssembly.Module, sizes?: BufferSizes): Promise<Inflate> {
  if (!isInflateModule(module)) {
    throw new InflateError(
      "ERR_INFLATE_FOREIGN_MODULE",
      0,
      "Cannot load the decoder: the module is not this package's inflate.wasm",
    );
  }
  const pool = new CorePool(module, sizes);
  return {
    scanGzip: (sink, options) => openGzipScan(pool, sink, options ?? {}),
    decoder: createSpanDecoder(pool),
    windowUse: (start, compressed, length) => findWindowUse(pool, start, compressed, length),
  };
}

/** What hosts have for it: the loop below takes 0.6–1.4 ms, as it is interpreted. */
interface Base64Hosts {
  readonly Uint8Array: { fromBase64?(base64: string): Uint8Array<ArrayBuffer> };
  readonly Buffer?: { from(base64: string, encoding: "base64"): Uint8Array<ArrayBuffer> };
}

function decodeBase64(base64: string): Uint8Array<ArrayBuffer> {
  const { Uint8Array: bytesOf, Buffer } = globalThis as unknown as Base64Hosts;
  if (bytesOf.fromBase64 !== undefined) return bytesOf.fromBase64(base64);
  if (Buffer !== undefined) return Buffer.from(base64, "base64");
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
