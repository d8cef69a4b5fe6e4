// Which package may use which, as data. ARCHITECTURE.md draws the same; check-dependencies.mjs holds the sources to it.

/** @typedef {{ readonly folder: string, readonly entries: Readonly<Record<string, readonly string[]>>, readonly node?: boolean, readonly unbundled?: readonly string[] }} PackageRule */

/**
 * Package name → its folder, and what the files reachable from each of its entry points may import of this repository.
 * `node: true` marks a package that is a program: all of its code may use Node. Elsewhere only src/node.ts and src/node/ may.
 * `unbundled` are packages that its bundle imports for another one that is in it: dependencies without an import of its own.
 * @type {Readonly<Record<string, PackageRule>>}
 */
export const PACKAGES = {
  "@socikit/oci": { folder: "packages/oci", entries: { ".": [], "./node": [] } },
  "@socikit/inflate": { folder: "wasm", entries: { ".": [], "./fflate": [], "./worker-thread": [] } },
  "@socikit/finch-config": { folder: "packages/finch-config", entries: { ".": [] } },
  "@socikit/registry": {
    folder: "packages/registry",
    entries: { ".": ["@socikit/oci"], "./server": ["@socikit/oci"], "./node": ["@socikit/oci"] },
  },
  "@socikit/ztoc": {
    folder: "packages/ztoc",
    entries: { ".": ["@socikit/oci", "@socikit/inflate"], "./build": ["@socikit/oci", "@socikit/inflate"] },
  },
  "@socikit/soci-index": {
    folder: "packages/soci-index",
    // Whoever only reads an index does not carry the builder.
    entries: {
      ".": ["@socikit/oci"],
      "./build": ["@socikit/oci", "@socikit/ztoc", "@socikit/inflate"],
      "./lifecycle": ["@socikit/oci"],
      // Its layouts come through a port: registry and soci-index do not know each other.
      "./node": ["@socikit/oci", "@socikit/ztoc", "@socikit/inflate"],
    },
  },
  "@socikit/lazy-reader": {
    folder: "packages/lazy-reader",
    entries: { ".": ["@socikit/oci", "@socikit/inflate", "@socikit/ztoc", "@socikit/soci-index"] },
  },
  "@socikit/cli": {
    folder: "packages/cli",
    node: true,
    unbundled: ["undici"],
    entries: {
      ".": [
        "@socikit/oci",
        "@socikit/inflate",
        "@socikit/ztoc",
        "@socikit/soci-index",
        "@socikit/registry",
        "@socikit/lazy-reader",
        "@socikit/finch-config",
      ],
    },
  },
};

/** Packages from npm that only the Node side of a package may import. */
export const NODE_ONLY = ["undici"];
