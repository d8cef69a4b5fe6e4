/**
 * What of `@socikit/registry` needs Node (Node, Deno, Bun): a transport over undici, docker's credentials, OCI layout
 * directories and archives, a registry behind a socket.
 *
 * @module
 */
export { nodeTransport, type NodeTransportOptions } from "./node/node-transport.ts";
export { dockerCredentials, type DockerCredentialsOptions } from "./node/docker-credentials.ts";
export { openLayoutDirectory, type LayoutDirectory, type LayoutOptions } from "./node/layout-directory.ts";
export { openNewLayoutDirectory, type NewLayoutDirectory } from "./node/new-layout-directory.ts";
export type { StoredBlob, SweepOptions, SweepReport } from "./node/sweep-layout.ts";
export { openLayoutArchive, type LayoutArchive } from "./node/layout-archive.ts";
export type { LayoutDocuments } from "./node/layout-documents.ts";
export { writeLayoutArchive, type WriteArchiveOptions } from "./node/write-layout-archive.ts";
export {
  stageLayoutArchive,
  stageLayoutDirectory,
  type StageArchiveOptions,
  type StageBase,
  type StagedLayout,
} from "./node/staged-layout.ts";
export { openLayoutStore } from "./node/layout-store.ts";
export { serveRegistry, type ServedRegistry, type ServeOptions } from "./node/serve-registry.ts";
