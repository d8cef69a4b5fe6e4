import type { Transport, TransportCapabilities } from "./transport.ts";

declare const navigator: { readonly userAgent?: string } | undefined;

/** Header fields that a page may not set, or that would need a CORS preflight for nothing. */
const NOT_FROM_PAGES = new Set(["user-agent", "accept-encoding"]);

/**
 * A transport over `fetch`, for Deno, Bun, workers and pages. It undoes content codings, which callers must refuse for
 * blobs; in pages and their workers it also follows redirects out of sight. On Node, `nodeTransport` has neither limit.
 *
 * @param fetch Another `fetch` than the host's.
 */
export function fetchTransport(fetch: typeof globalThis.fetch = globalThis.fetch): Transport {
  // In pages, `redirect: "manual"` gives a response without status and fields. Servers' runtimes show it; of all of them
  // only browsers call themselves Mozilla.
  const isPage = typeof navigator === "object" && (navigator.userAgent ?? "").startsWith("Mozilla/");
  const capabilities: TransportCapabilities = {
    redirects: isPage ? "opaque" : "visible",
    contentCoding: "decoded",
  };
  return {
    capabilities,
    async send({ method, url, headers, body }, options) {
      const fields = isPage
        ? Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_FROM_PAGES.has(name)))
        : headers;
      const init: RequestInit & { duplex?: "half" } = {
        method,
        headers: fields,
        redirect: isPage ? "follow" : "manual",
        ...(isPage ? { credentials: "omit" as const } : {}),
        ...(body === undefined ? {} : { body: body as BodyInit }),
        ...(body instanceof ReadableStream ? { duplex: "half" as const } : {}),
        ...(options?.signal === undefined ? {} : { signal: options.signal }),
      };
      const response = await fetch(url, init);
      return { status: response.status, headers: response.headers, url: response.url || url, body: response.body };
    },
  };
}
