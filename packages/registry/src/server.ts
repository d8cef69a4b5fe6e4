/**
 * A registry server of distribution-spec 1.1 as one request handler over a {@linkcode Store}: Web types only, for any host
 * that has `Request` and `Response`. `serveRegistry` of `@socikit/registry/node` puts it behind a socket; `createMemoryStore`
 * of `@socikit/registry` is a store to begin with.
 *
 * @module
 */
export { createRegistryHandler, type RegistryHandlerOptions } from "./server/handler.ts";
export type { Store, StoreRepository } from "./store.ts";
