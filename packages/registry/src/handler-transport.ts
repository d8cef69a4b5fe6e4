import type { Transport } from "./transport.ts";

/**
 * A transport to a request handler in the same process: a registry without sockets, for tests and pages.
 *
 * @param handler Such as `createRegistryHandler` makes.
 */
export function handlerTransport(handler: (request: Request) => Promise<Response>): Transport {
  return {
    capabilities: { redirects: "visible", contentCoding: "identity" },
    async send({ method, url, headers, body }, options) {
      options?.signal?.throwIfAborted();
      const fields: Record<string, string> = { ...headers };
      if (body instanceof Uint8Array) fields["content-length"] = String(body.length);
      const init: RequestInit & { duplex?: "half" } = {
        method,
        headers: fields,
        // The handler may keep what it gets; the caller may reuse what it gave.
        ...(body === undefined ? {} : { body: (body instanceof Uint8Array ? body.slice() : body) as BodyInit }),
        ...(body instanceof ReadableStream ? { duplex: "half" as const } : {}),
        ...(options?.signal === undefined ? {} : { signal: options.signal }),
      };
      const response = await handler(new Request(url, init));
      return { status: response.status, headers: response.headers, url, body: response.body };
    },
  };
}
