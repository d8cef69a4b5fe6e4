import type { Transport } from "../transport.ts";
import { handlerTransport } from "../handler-transport.ts";
import { openRepository, type RemoteRepository, type RepositoryOptions } from "../repository.ts";

/** A request as a handler saw it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** Answers one request; `undefined` means 404. */
export type Answer = (seen: Seen, count: number) => Response | undefined | Promise<Response | undefined>;

/** A registry that answers as it is told to, in process, and remembers what it was asked. */
export interface ScriptedRegistry {
  readonly transport: Transport;
  readonly seen: readonly Seen[];
  /** Opens `r.test/a/b`. Timeouts are long, for loaded machines, unless told otherwise: {@linkcode IMPATIENT}. */
  open(options?: Partial<RepositoryOptions> & { readonly reference?: string }): RemoteRepository;
}

/** Timeouts for what stalls: long enough that a loaded machine does not take a slow answer for none. */
export const IMPATIENT = { headersTimeoutMs: 603, idleTimeoutMs: 301 } as const;

/** Runs a registry of that one function. */
export function scriptedRegistry(answer: Answer): ScriptedRegistry {
  const seen: Seen[] = [];
  const transport = handlerTransport(async (request) => {
    const body = new Uint8Array(await request.arrayBuffer());
    const one = { method: request.method, url: request.url, headers: request.headers, body };
    seen.push(one);
    return (await answer(one, seen.length - 1)) ?? new Response(null, { status: 404 });
  });
  return {
    transport,
    seen,
    open: ({ reference = "r.test/a/b", ...options } = {}) =>
      openRepository(reference, {
        transport,
        headersTimeoutMs: 20_003,
        idleTimeoutMs: 20_001,
        // Waits between repetitions, which are short multiples of 50 ms here, are over at once; timeouts and the clock run.
        timer: {
          now: () => Date.now(),
          after(ms, callback) {
            const handle = setTimeout(callback, ms < 20_000 && ms % 50 === 0 ? 0 : ms);
            return () => clearTimeout(handle);
          },
          random: () => 0,
        },
        ...options,
      }),
  };
}

/** The range that a request asks for, half open. */
export function askedRange(headers: Headers, size: number): { readonly start: number; readonly end: number } {
  const match = /^bytes=(\d+)-(\d+)$/.exec(headers.get("range") ?? "");
  return match === null
    ? { start: 0, end: size }
    : { start: Number(match[1]), end: Math.min(size, Number(match[2]) + 1) };
}

/** A 206 with the bytes of a range, and fields on top. */
export function partial(
  blob: Uint8Array,
  start: number,
  end: number,
  fields: Readonly<Record<string, string>> = {},
): Response {
  return new Response(blob.slice(start, end), {
    status: 206,
    headers: {
      "content-range": `bytes ${start}-${end - 1}/${blob.length}`,
      "content-length": String(end - start),
      ...fields,
    },
  });
}

/** A body that sends some bytes and then breaks (`error`), stalls (`hang`) or ends. */
export function bodyOf(bytes: Uint8Array, then: "error" | "hang" | "end"): ReadableStream<Uint8Array> {
  let sent = false;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (!sent) {
          sent = true;
          if (bytes.length > 0) return controller.enqueue(bytes);
        }
        if (then === "error") controller.error(new TypeError("terminated"));
        if (then === "end") controller.close();
        return then === "hang" ? new Promise<void>(() => {}) : undefined;
      },
    },
    { highWaterMark: 0 },
  );
}
