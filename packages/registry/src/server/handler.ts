import type { Store } from "../store.ts";
import { getBlob } from "./blobs.ts";
import { addCorsHeaders, preflightHeaders } from "./cors.ts";
import { DistributionError, distributionErrorOf } from "./distribution-error.ts";
import { repositoryOf, respond, respondJson, type Exchange, type Settings } from "./exchange.ts";
import { listReferrers, listRepositories, listTags } from "./lists.ts";
import { deleteManifest, getManifest, putManifest } from "./manifests.ts";
import { parseRoute, type Route } from "./route.ts";
import { cancelUpload, finishUpload, getUpload, patchUpload, startUpload } from "./uploads.ts";

/** Options of {@linkcode createRegistryHandler}. */
export interface RegistryHandlerOptions {
  /** Most bytes of one uploaded blob. @default 17179869184 (16 GiB) */
  readonly maxUploadBytes?: number | undefined;
  /**
   * What to do with a manifest whose config or layers are not there: refuse it with MANIFEST_BLOB_UNKNOWN, as most
   * registries do, or accept it. Foreign layers, children of an index and subjects may always be missing. @default "reject"
   */
  readonly missingBlobs?: "reject" | "accept" | undefined;
  /** Pages of which origin may read the answers. @default "*" */
  readonly corsOrigin?: string | undefined;
  /** Told of faults of the store's, which the client sees as a bare 500. */
  readonly onError?: ((error: unknown, request: Request) => void) | undefined;
}

/**
 * A registry server: pull, push, tags, referrers and deletes of distribution-spec 1.1 over `store`, with CORS.
 *
 * Blobs are streamed, in single ranges where asked for; manifests are held in memory, 4 MiB at most. There is no login: put
 * one in front. The handler never rejects: what goes wrong is an answer with the spec's error body.
 */
export function createRegistryHandler(
  store: Store,
  options: RegistryHandlerOptions = {},
): (request: Request) => Promise<Response> {
  const settings: Settings = {
    maxUploadBytes: options.maxUploadBytes ?? 16 * 1024 ** 3,
    missingBlobs: options.missingBlobs ?? "reject",
  };
  const origin = options.corsOrigin ?? "*";
  return async (request) => {
    const exchange: Exchange = { request, url: new URL(request.url), store, settings };
    let response: Response;
    try {
      response = await answer(exchange);
    } catch (error) {
      response = errorResponse(exchange, error, options.onError);
    }
    addCorsHeaders(response.headers, origin);
    response.headers.set("docker-distribution-api-version", "registry/2.0");
    // Blobs are whatever somebody pushed: no browser is to take one for a page.
    response.headers.set("x-content-type-options", "nosniff");
    return response;
  };
}

type Answer = (exchange: Exchange) => Promise<Response>;

async function answer(exchange: Exchange): Promise<Response> {
  const { method } = exchange.request;
  const readOnly = exchange.store.readOnly === true;
  if (method === "OPTIONS") return respond(exchange, 204, preflightHeaders(readOnly));
  const route = parseRoute(exchange.url.pathname);
  if (route === undefined) throw new DistributionError(404, "UNSUPPORTED", "a registry has no such path");
  const methods = methodsOf(route);
  const found = methods[method === "HEAD" ? "GET" : method];
  const isRead = method === "GET" || method === "HEAD";
  if (found !== undefined && (isRead || !readOnly)) return found(exchange);
  const allowed = Object.keys(methods).filter((name) => name === "GET" || !readOnly);
  const allow = allowed.flatMap((name) => (name === "GET" ? ["GET", "HEAD"] : [name])).join(", ");
  const what = found === undefined ? `${method} is not for this path` : "the registry is read-only";
  throw new DistributionError(405, "UNSUPPORTED", what, { headers: { allow } });
}

function methodsOf(route: Route): Readonly<Record<string, Answer>> {
  switch (route.kind) {
    case "base":
      return { GET: async (exchange) => respondJson(exchange, 200, {}, {}) };
    case "catalog":
      return { GET: listRepositories };
    case "manifest": {
      const { name, reference } = route;
      return {
        GET: (exchange) => getManifest(exchange, name, reference),
        PUT: (exchange) => putManifest(exchange, name, reference),
        DELETE: (exchange) => deleteManifest(exchange, name, reference),
      };
    }
    case "blob": {
      const { name, digest } = route;
      return {
        GET: (exchange) => getBlob(exchange, name, digest),
        DELETE: async (exchange) => {
          const repository = repositoryOf(exchange, name);
          if (repository.deleteBlob === undefined)
            throw new DistributionError(405, "UNSUPPORTED", "blobs cannot be removed here", {
              headers: { allow: "GET, HEAD" },
            });
          await repository.deleteBlob(digest, { signal: exchange.request.signal });
          return respond(exchange, 202, {});
        },
      };
    }
    case "uploads":
      return { POST: (exchange) => startUpload(exchange, route.name) };
    case "upload": {
      const { name, id } = route;
      return {
        GET: (exchange) => getUpload(exchange, name, id),
        PATCH: (exchange) => patchUpload(exchange, name, id),
        PUT: (exchange) => finishUpload(exchange, name, id),
        DELETE: (exchange) => cancelUpload(exchange, name, id),
      };
    }
    case "tags":
      return { GET: (exchange) => listTags(exchange, route.name) };
    case "referrers":
      return { GET: (exchange) => listReferrers(exchange, route.name, route.digest) };
  }
}

function errorResponse(exchange: Exchange, error: unknown, onError: RegistryHandlerOptions["onError"]): Response {
  let known = distributionErrorOf(error);
  if (known === undefined) {
    if (!exchange.request.signal.aborted) onError?.(error, exchange.request);
    // What broke inside may name paths and is not the client's business.
    known = new DistributionError(500, "UNKNOWN", "the registry failed");
  }
  return respondJson(exchange, known.status, known.headers, {
    errors: [{ code: known.code, message: known.message }],
  });
}
