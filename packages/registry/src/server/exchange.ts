import type { Store, StoreRepository } from "../store.ts";

/** What the answer to one request is made from. */
export interface Exchange {
  readonly request: Request;
  readonly url: URL;
  readonly store: Store;
  readonly settings: Settings;
}

/** The handler's options with their defaults. */
export interface Settings {
  readonly maxUploadBytes: number;
  readonly missingBlobs: "reject" | "accept";
}

/** The repository of a checked name. */
export function repositoryOf(exchange: Exchange, name: string): StoreRepository {
  return exchange.store.repository(name);
}

/** An answer of `status`. For HEAD the body is left out and its length still told. */
export function respond(
  exchange: Exchange,
  status: number,
  headers: Readonly<Record<string, string>>,
  body?: Uint8Array | ReadableStream<Uint8Array>,
): Response {
  const length: Record<string, string> = body instanceof Uint8Array ? { "content-length": String(body.length) } : {};
  const omitted = body === undefined || exchange.request.method === "HEAD";
  // The DOM's BodyInit wants to know that the bytes are not shared; none of ours are.
  return new Response(omitted ? null : (body as BodyInit), { status, headers: { ...length, ...headers } });
}

/** An answer in JSON. */
export function respondJson(
  exchange: Exchange,
  status: number,
  headers: Readonly<Record<string, string>>,
  json: unknown,
): Response {
  const body = new TextEncoder().encode(JSON.stringify(json));
  return respond(exchange, status, { "content-type": "application/json", ...headers }, body);
}

/** Whether the client has the content already. https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2 */
export function isNotModified(request: Request, etag: string): boolean {
  const header = request.headers.get("if-none-match");
  if (header === null) return false;
  return header.split(",").some((item) => {
    const tag = item.trim().replace(/^W\//, "");
    return tag === etag || tag === "*";
  });
}
