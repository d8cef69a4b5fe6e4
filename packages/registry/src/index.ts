/**
 * Where images live: a client of OCI registries over any HTTP transport, images in memory.
 *
 * @module
 */
export {
  REGISTRY_ERROR_CODES,
  RegistryError,
  type RegistryErrorCode,
  type RegistryErrorContext,
  type RegistryErrorDetail,
} from "./errors.ts";
export type { Transport, TransportCapabilities, TransportRequest, TransportResponse } from "./transport.ts";
export type { CredentialProvider, Credentials } from "./credentials.ts";
export type { RegistryEvent } from "./events.ts";
export { fetchTransport } from "./fetch-transport.ts";
export { handlerTransport } from "./handler-transport.ts";
export { openRepository, type RemoteRepository, type RepositoryOptions } from "./repository.ts";
export { isLoopbackHost } from "./origin.ts";
export { redactUrl } from "./redact.ts";
export type { Timer } from "./timer.ts";
export { createMemoryStore } from "./memory-store.ts";
export type { Store, StoreRepository } from "./store.ts";
