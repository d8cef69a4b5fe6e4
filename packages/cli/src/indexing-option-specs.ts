import type { OptionSpec } from "./command-spec.ts";

/**
 * The options of commands that index layers: the reference's, under its names and with its defaults, and `--compat`.
 * `indexingOptions` reads them.
 */
export const INDEXING_OPTION_SPECS: readonly OptionSpec[] = [
  {
    name: "span-size",
    kind: "bytes",
    lastCounts: true,
    value: "BYTES",
    byDefault: "4194304",
    summary: "uncompressed bytes between two checkpoints; with 0 there is one at each block of gzip",
  },
  {
    name: "min-layer-size",
    kind: "bytes",
    lastCounts: true,
    value: "BYTES",
    byDefault: "10485760",
    summary: "layers of fewer compressed bytes get no zTOC",
  },
  {
    name: "platform",
    short: "p",
    kind: "texts",
    value: "OS/ARCH",
    byDefault: "linux and this machine's processor, else the only one there is",
    summary: "index this platform; may be repeated, and a list with commas",
  },
  { name: "all-platforms", kind: "flag", summary: "index every platform of the image, whatever --platform says" },
  {
    name: "optimizations",
    kind: "texts",
    value: "xattr",
    summary: "xattr: mark layers without extended attributes, so that the snapshotter need not look",
  },
  {
    name: "force",
    short: "f",
    kind: "flag",
    summary: "build the zTOCs that are there already anew",
  },
  {
    name: "prefetch-file",
    kind: "texts",
    mayBeEmpty: true,
    value: "PATH",
    summary: "fetch this file, directory or pattern when the image is mounted; may be repeated, and a list with commas",
  },
  {
    name: "prefetch-files-json",
    kind: "text",
    lastCounts: true,
    mayBeEmpty: true,
    value: "FILE",
    summary: "fetch those of this JSON array: paths, or objects with a path and a priority, lower first",
  },
  {
    name: "compat",
    kind: "flag",
    summary:
      "look for files to prefetch as the reference does, for the same digests: by the name in the archive alone, in the newest layer that has it",
  },
];

/** The member `skipped` that `skippedJson` makes, for the same. */
export const SKIPPED_JSON =
  'skipped: [{ layer: string, code: "too-small" | "compression" | "foreign", message: string }]';

/** The members that `indexingJson` makes, for the documented shapes of `--json`. */
export const INDEXING_JSON =
  "layers: [{ layer: Descriptor, ztoc?: Descriptor, reused?: boolean, skipped?: string, warnings: [string] }], prefetch?: [{ layer: string, artifact: Descriptor }], missing?: [string]";
