/**
 * SOCI artifacts on this machine: a store that `createLocalIndex` writes and that indexes are sent from. What of
 * `@socikit/soci-index` needs a file system (Node, Deno, Bun).
 *
 * @module
 */
export {
  openLocalStore,
  type LocalStore,
  type CollectReport,
  type RebuildReport,
  type RecordedIndex,
  type StoreWriter,
} from "./node/local-store.ts";
export { createLocalIndex, type CreateLocalOptions, type CreateLocalPorts } from "./node/create-local-index.ts";
export {
  decodeCatalogue,
  encodeCatalogue,
  MAX_CATALOGUE_SIZE,
  type Catalogue,
  type CataloguedBlob,
  type CataloguedIndex,
  type CataloguedPrefetch,
  type CataloguedZtoc,
} from "./node/catalogue.ts";
export type { LayoutBlob, LayoutSweep, StoreLayout } from "./node/store-layout.ts";
