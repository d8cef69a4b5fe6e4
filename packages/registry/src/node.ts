/**
 * What of `@socikit/registry` needs Node (Node, Deno, Bun): OCI layout directories, a registry behind a socket.
 *
 * @module
 */
export { openLayoutDirectory, type LayoutDirectory, type LayoutOptions } from "./node/layout-directory.ts";
export { openLayoutStore } from "./node/layout-store.ts";
export { serveRegistry, type ServedRegistry, type ServeOptions } from "./node/serve-registry.ts";
