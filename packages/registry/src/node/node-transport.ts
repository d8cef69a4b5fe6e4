import { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { isLoopbackHost } from "../origin.ts";
import type { Transport, TransportResponse } from "../transport.ts";

/**
 * Bytes of an answer that are read before anyone wants them. Whoever is slower than the network gets all of them in one piece, which
 * costs as much as one of the 64 KiB that a socket gives: converting from registry to registry took 10 % less processor time.
 */
const READ_AHEAD = 512 * 1024;

/** How {@linkcode nodeTransport} connects. */
export interface NodeTransportOptions {
  /** Certificates of further authorities, PEM. */
  readonly ca?: string | readonly string[] | undefined;
  /** Longest wait for a connection, in ms. @default {10_000} */
  readonly connectTimeoutMs?: number | undefined;
  /** Most connections to one origin. @default {32} */
  readonly connections?: number | undefined;
  /** Whether HTTP_PROXY, HTTPS_PROXY and NO_PROXY are heeded, as Go's tools do. Never for this machine. @default {true} */
  readonly environmentProxy?: boolean | undefined;
}

/**
 * A transport over undici's `request`: it follows no redirect, decodes no content coding, and is two to three times faster
 * than Node's `fetch` for ranges. Timeouts of header and body are the caller's.
 */
export function nodeTransport(options: NodeTransportOptions = {}): Transport & { close(): Promise<void> } {
  const ca = typeof options.ca === "string" ? options.ca : options.ca && [...options.ca];
  const tls = { timeout: options.connectTimeoutMs ?? 10_000, ...(ca === undefined ? {} : { ca }) };
  const settings = { connections: options.connections ?? 32, headersTimeout: 0, bodyTimeout: 0 };
  const proxies = (options.environmentProxy ?? true) ? proxiesOf(process.env) : undefined;
  // Not with this module: layouts come from the same entry, and what reads one need not wait 60 ms for it.
  const loading = import("undici").then(({ Agent, EnvHttpProxyAgent, request }) => ({
    request,
    direct: new Agent({ ...settings, connect: tls }),
    // undici 7 asks proxies for a tunnel even to http: origins, which most refuse on other ports than 443; 8 does not.
    proxied:
      proxies &&
      new EnvHttpProxyAgent({
        ...settings,
        ...proxies,
        proxyTunnel: false,
        requestTls: tls,
        proxyTls: { timeout: tls.timeout },
      }),
  }));
  // Whoever sends hears of it.
  loading.catch(() => {});
  return {
    capabilities: { redirects: "visible", contentCoding: "identity" },
    async send({ method, url, headers, body }, readOptions): Promise<TransportResponse> {
      const { request, direct, proxied } = await loading;
      const dispatcher: Dispatcher = proxied === undefined || isLoopbackHost(new URL(url).hostname) ? direct : proxied;
      const response = await request(url, {
        method: method as Dispatcher.HttpMethod,
        headers: { ...headers },
        dispatcher,
        // undici closes the connection after a HEAD, for servers that send a body all the same: a handshake each. Those
        // servers' bodies break the next answer's header, which is repeated.
        reset: false,
        highWaterMark: READ_AHEAD,
        ...(body === undefined ? {} : { body: body instanceof ReadableStream ? Readable.from(body) : body }),
        ...(readOptions?.signal === undefined ? {} : { signal: readOptions.signal }),
      });
      const fields = new Headers();
      for (const [name, value] of Object.entries(response.headers)) {
        for (const one of Array.isArray(value) ? value : [value]) {
          // A field that `Headers` does not take has nothing to say to us.
          if (one !== undefined && /^[\t\x20-\x7e\x80-\xff]*$/.test(one)) fields.append(name, one);
        }
      }
      return { status: response.statusCode, headers: fields, url, body: webStream(response.body) };
    },
    async close() {
      const opened = await loading.catch(() => undefined);
      await Promise.all([opened?.direct.destroy(), opened?.proxied?.destroy()]);
    },
  };
}

/** What the environment says of proxies, now; `undefined` where it names none. In the order in which undici looks. */
function proxiesOf(
  env: NodeJS.ProcessEnv,
): { readonly httpProxy: string; readonly httpsProxy: string; readonly noProxy: string } | undefined {
  const httpProxy = env["http_proxy"] ?? env["HTTP_PROXY"] ?? "";
  const httpsProxy = env["https_proxy"] ?? env["HTTPS_PROXY"] ?? "";
  const noProxy = env["no_proxy"] ?? env["NO_PROXY"] ?? "";
  return httpProxy === "" && httpsProxy === "" ? undefined : { httpProxy, httpsProxy, noProxy };
}

function webStream(body: Dispatcher.ResponseData["body"]): ReadableStream<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  // Without a listener, an abort before the first read would be an uncaught exception.
  body.on("error", () => {});
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        // A Buffer's slice() is a view; callers expect Uint8Array's, a copy.
        else controller.enqueue(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      },
      cancel() {
        // Not undici's dump(): where it gives a body up itself it never settles, and with nothing else to wait for the
        // process ends there. Short rests are read before a body is cancelled.
        body.destroy();
      },
    },
    { highWaterMark: 0 },
  );
}
