/**
 * Where images live: a client of OCI registries over any HTTP transport.
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
export type { CopyEvent, RegistryEvent } from "./events.ts";
export { createMemoryStore } from "./memory-store.ts";
export type { Store, StoreRepository } from "./store.ts";
