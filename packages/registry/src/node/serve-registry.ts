import type { IncomingMessage, Server, ServerResponse } from "node:http";

/** Options of {@linkcode serveRegistry}. */
export interface ServeOptions {
  /** Address to listen on. @default "127.0.0.1" */
  readonly host?: string | undefined;
  /** Port to listen on; 0 for one that is free. @default 0 */
  readonly port?: number | undefined;
  /** Told of handlers that rejected and answers whose body broke off; the client saw a 500 or a cut connection. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A listening registry. */
export interface ServedRegistry {
  /** `http://host:port`, without a slash at the end. */
  readonly url: string;
  /** `host:port`, as references have it. */
  readonly host: string;
  /** The port. */
  readonly port: number;
  /** Stops listening, gives running answers 750 ms to end, and cuts what is left. Ends within two seconds. */
  close(): Promise<void>;
}

/** Milliseconds that running answers have to end when the server is closed. */
const CLOSE_GRACE_MS = 750;
/** Milliseconds that a connection may say nothing. */
const IDLE_TIMEOUT_MS = 120_000;

/**
 * Serves a request handler over HTTP/1.1: bodies streamed in both directions under backpressure, the handler's
 * `request.signal` aborted when the client goes away.
 *
 * @throws the host's error (`EADDRINUSE`, `EACCES`) where the address cannot be listened on.
 */
export async function serveRegistry(
  handler: (request: Request) => Promise<Response>,
  options: ServeOptions = {},
): Promise<ServedRegistry> {
  const host = options.host ?? "127.0.0.1";
  const report = options.onError ?? (() => {});
  // Not with this module: layouts come from the same entry, and what reads one need not wait for it.
  const { createServer } = await import("node:http");
  const server = createServer((incoming, outgoing) => {
    void exchange(handler, incoming, outgoing, report);
  });
  // A whole upload may take hours: what is limited is silence.
  server.requestTimeout = 0;
  server.timeout = IDLE_TIMEOUT_MS;
  await listen(server, host, options.port ?? 0);
  const address = server.address();
  // A string for a pipe and null before listening, and this is neither.
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  let closing: Promise<void> | undefined;
  return {
    url: `http://${authority}`,
    host: authority,
    port,
    close: () => (closing ??= close(server)),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

async function exchange(
  handler: (request: Request) => Promise<Response>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  report: (error: unknown) => void,
): Promise<void> {
  const gone = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) gone.abort(new Error("Cannot answer: the client closed the connection"));
  });
  const response = await answerOf(handler, incoming, gone.signal, report);
  try {
    await send(response, incoming, outgoing, gone.signal);
    // What the handler left unread of the body stands before the connection's next request.
    if (!incoming.complete) incoming.resume();
  } catch (error) {
    if (!gone.signal.aborted) report(error);
    // The status has gone out: a cut connection is the only way left to say that the body is not whole.
    outgoing.destroy();
  }
}

async function answerOf(
  handler: (request: Request) => Promise<Response>,
  incoming: IncomingMessage,
  signal: AbortSignal,
  report: (error: unknown) => void,
): Promise<Response> {
  let request: Request;
  try {
    request = requestOf(incoming, signal);
  } catch {
    // A path that is no URL, or a method that the platform's requests cannot have.
    return new Response(null, { status: 400 });
  }
  try {
    return await handler(request);
  } catch (error) {
    if (!signal.aborted) report(error);
    return new Response(null, { status: 500 });
  }
}

function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers();
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i] ?? "", incoming.rawHeaders[i + 1] ?? "");
  }
  const method = incoming.method ?? "GET";
  // The Host header is the client's word and no part of any answer: only path and query count.
  const url = new URL(incoming.url ?? "/", "http://registry.invalid");
  const hasBody = incoming.headers["transfer-encoding"] !== undefined || Number(incoming.headers["content-length"]) > 0;
  if (!hasBody || method === "GET" || method === "HEAD") return new Request(url, { method, headers, signal });
  // Streaming bodies need `duplex`, which the DOM's types do not know.
  const init: RequestInit & { duplex: "half" } = { method, headers, signal, body: bodyOf(incoming), duplex: "half" };
  return new Request(url, init);
}

/** The body as it is asked for: the socket is paused in between. */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  const chunks = incoming.iterator({ destroyOnReturn: false });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done === true) return controller.close();
        // Without an encoding set, the chunks are bytes.
        controller.enqueue(value as Uint8Array);
      },
      async cancel() {
        await chunks.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

async function send(
  response: Response,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  response.headers.forEach((value, name) => outgoing.appendHeader(name, value));
  const bodyless = incoming.method === "HEAD" || response.status === 204 || response.status === 304;
  if (response.body === null && !bodyless && !response.headers.has("content-length"))
    outgoing.setHeader("content-length", "0");
  outgoing.writeHead(response.status);
  if (response.body === null) {
    outgoing.end();
    return;
  }
  const reader = response.body.getReader();
  const stop = (): void => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (signal.aborted) return stop();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (!outgoing.write(value)) await drained(outgoing, signal);
    }
    signal.throwIfAborted();
    outgoing.end();
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function drained(outgoing: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const settle = (): void => {
      outgoing.off("drain", settle);
      signal.removeEventListener("abort", settle);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    outgoing.once("drain", settle);
    signal.addEventListener("abort", settle, { once: true });
  });
}
