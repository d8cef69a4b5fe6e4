import type { ArgumentSpec, CommandSpec, OptionSpec } from "./command-spec.ts";
import { ROOT_OPTION } from "./local-store.ts";

const JSON_OPTION: OptionSpec = { name: "json", kind: "flag", summary: "print one JSON document on stdout" };
const PLAIN_HTTP: OptionSpec = {
  name: "plain-http",
  kind: "flag",
  byDefault: "plain HTTP on loopback only",
  summary: "talk HTTP, not HTTPS, to the registry",
};
/** What the reference's CLI accepts here and makes no use of, so that scripts run as they are. */
const WITHOUT_EFFECT: readonly OptionSpec[] = [
  { name: "skip-verify", short: "k", kind: "flag", summary: "accepted, as the reference accepts it, without effect" },
  { name: "refresh", kind: "text", value: "TOKEN", summary: "the same" },
  { name: "hosts-dir", kind: "text", value: "DIR", summary: "the same" },
  { name: "tlscacert", kind: "text", value: "FILE", summary: "the same" },
  { name: "tlscert", kind: "text", value: "FILE", summary: "the same" },
  { name: "tlskey", kind: "text", value: "FILE", summary: "the same" },
  { name: "http-dump", kind: "flag", summary: "the same; --debug shows requests" },
  { name: "http-trace", kind: "flag", summary: "the same; --debug shows requests" },
  { name: "snapshotter", kind: "text", value: "NAME", summary: "the same" },
];
const ZTOC_ARGUMENT: ArgumentSpec = {
  name: "ZTOC",
  count: "one",
  summary: "a digest in the local store, a file, - for standard input, or a blob: host/repo@sha256:...",
};

/** The commands on the store of this machine. */
export const STORE_COMMANDS: readonly CommandSpec[] = [
  {
    name: ["push"],
    summary: "send the index of an image from the local store to the image's registry",
    description: [
      "Takes the newest v1 index that create --local made of the image, and sends what of it the registry does not have: zTOCs, then the index. Of an index of version 2, which is part of the image, nothing is sent.",
      "Where the registry has the very index already, nothing is done. Where it has another one, --existing-index says what is to be done.",
    ],
    arguments: [{ name: "REF", count: "one", summary: "the image: host/repo:tag, host/repo@digest" }],
    options: [
      {
        name: "user",
        short: "u",
        kind: "text",
        value: "NAME[:PASSWORD]",
        byDefault: "docker's configuration",
        summary: "who logs in to the registry",
      },
      PLAIN_HTTP,
      {
        name: "platform",
        short: "p",
        kind: "texts",
        value: "OS/ARCH",
        byDefault: "linux and this machine's processor, else the only one there is",
        summary: "the index of this platform; may be repeated",
      },
      { name: "all-platforms", kind: "flag", summary: "the indexes of all platforms of the image" },
      {
        name: "existing-index",
        kind: "text",
        value: "warn|skip|allow",
        byDefault: "warn",
        summary: "where the registry has another index: send it and say so, leave it, or do not ask",
      },
      {
        name: "max-concurrent-uploads",
        kind: "text",
        value: "N",
        byDefault: "3",
        summary: "blobs that are sent at the same time",
      },
      ROOT_OPTION,
      { name: "quiet", short: "q", kind: "flag", summary: "no warnings; print the digests of the indexes only" },
      JSON_OPTION,
      ...WITHOUT_EFFECT,
    ],
    examples: [
      { line: "socikit push ghcr.io/me/app:1.2", summary: "the index that create --local has made" },
      { line: "socikit push ghcr.io/me/app:1.2 --all-platforms -q", summary: "the indexes of all its platforms" },
    ],
    json: '{ location: string, indexes: [{ platform?, manifest: Descriptor, index: { digest, size }, outcome: "pushed" | "present" | "skipped", existing: [string] }] }',
    exits: [0, 1, 2, 3, 4, 5, 130],
    load: async () => (await import("./commands/push.ts")).push,
  },
  {
    name: ["index", "list"],
    aliases: ["ls"],
    summary: "list the SOCI indexes of the local store",
    description: [
      "The newest first, a row for each name of the image. A name is what create --local was told; it moves on with the image that is indexed under it.",
    ],
    arguments: [],
    options: [
      { name: "ref", kind: "text", value: "IMAGE", summary: "those of the image that was indexed under this name" },
      { name: "platform", short: "p", kind: "texts", value: "OS/ARCH", summary: "those of this platform" },
      ROOT_OPTION,
      { name: "quiet", short: "q", kind: "flag", summary: "digests only" },
      JSON_OPTION,
    ],
    examples: [
      { line: "socikit index list", summary: "all of them" },
      { line: "socikit index list --ref ghcr.io/me/app:1.2 -q", summary: "the digests of an image's indexes" },
    ],
    json: "[{ digest: string, size: number, images: [string], platform?: string, media_type: string, version: string, manifest?: string, created?: string }]",
    exits: [0, 1, 2, 4, 5, 130],
    load: async () => (await import("./commands/index-list.ts")).indexList,
  },
  {
    name: ["index", "info"],
    summary: "print a SOCI index of the local store, as JSON",
    description: ["The manifest as it is, indented."],
    arguments: [{ name: "DIGEST", count: "one", summary: "the index, as index list prints it" }],
    options: [ROOT_OPTION],
    examples: [
      {
        line: "socikit index info sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        summary: "zTOCs and layers",
      },
    ],
    exits: [0, 1, 2, 3, 4, 5, 130],
    load: async () => (await import("./commands/index-info.ts")).indexInfo,
  },
  {
    name: ["index", "rm"],
    aliases: ["remove"],
    summary: "remove SOCI indexes from the local store",
    description: ["zTOCs stay, for other indexes and later ones; gc frees those that no index lists."],
    arguments: [{ name: "DIGEST", count: "any", summary: "indexes, as index list prints them" }],
    options: [
      { name: "ref", kind: "text", value: "IMAGE", summary: "those of the image that was indexed under this name" },
      ROOT_OPTION,
    ],
    examples: [{ line: "socikit index rm --ref ghcr.io/me/app:1.2", summary: "those of all platforms of an image" }],
    exits: [0, 1, 2, 3, 4, 5, 130],
    load: async () => (await import("./commands/index-rm.ts")).indexRm,
  },
  {
    name: ["ztoc", "list"],
    aliases: ["ls"],
    summary: "list the zTOCs of the local store",
    description: ["By digest; those of an image in the order of its layers."],
    arguments: [],
    options: [
      { name: "ztoc-digest", kind: "text", value: "DIGEST", summary: "this one" },
      {
        name: "image-ref",
        kind: "text",
        value: "IMAGE",
        summary: "those of the image that was indexed under this name",
      },
      ROOT_OPTION,
      { name: "quiet", short: "q", kind: "flag", summary: "digests only" },
      JSON_OPTION,
    ],
    examples: [{ line: "socikit ztoc list --image-ref ghcr.io/me/app:1.2", summary: "zTOC, size and layer" }],
    json: "[{ digest: string, size: number, layer: string, span_size?: number, created?: string }]",
    exits: [0, 1, 2, 3, 4, 5, 130],
    load: async () => (await import("./commands/ztoc-list.ts")).ztocList,
  },
  {
    name: ["ztoc", "info"],
    summary: "print what a zTOC holds, as JSON",
    description: [
      "The members are those of the reference's `soci ztoc info`: version, build_tool, size, span_size, num_spans, num_files, num_multi_span_files, files[] (filename, offset, size, type, start_span, end_span).",
    ],
    arguments: [ZTOC_ARGUMENT],
    options: [ROOT_OPTION, PLAIN_HTTP],
    examples: [
      { line: "socikit ztoc info app.ztoc", summary: "spans and files" },
      {
        line: "socikit ztoc info sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        summary: "one of the local store",
      },
    ],
    exits: [0, 1, 2, 3, 4, 5, 130],
    load: async () => (await import("./commands/ztoc-info.ts")).ztocInfo,
  },
  {
    name: ["ztoc", "get-file"],
    summary: "print a file of a layer, read by a zTOC",
    description: [
      "Fetches the spans that hold the file, checks each against its digest in the zTOC, and prints the bytes. Links are followed inside the layer.",
      "The layer is read where the image is that was indexed under the name that the local store knows; or in --from, or as the file --layer.",
    ],
    arguments: [ZTOC_ARGUMENT, { name: "PATH", count: "one", summary: "a file in the layer" }],
    options: [
      { name: "layer", kind: "text", value: "FILE", summary: "the layer, as a file" },
      { name: "from", kind: "text", value: "IMAGE", summary: "an image, layout or archive that has the layer" },
      {
        name: "output",
        short: "o",
        kind: "text",
        value: "FILE",
        byDefault: "standard output",
        summary: "write the content here",
      },
      { name: "compat", kind: "flag", summary: "print one line break more, as the reference does" },
      ROOT_OPTION,
      PLAIN_HTTP,
    ],
    examples: [
      { line: "socikit ztoc get-file app.ztoc etc/os-release --layer app.tar.gz", summary: "of files on this machine" },
    ],
    exits: [0, 1, 2, 3, 4, 5, 130],
    load: async () => (await import("./commands/ztoc-get-file.ts")).ztocGetFile,
  },
  {
    name: ["prefetch", "list"],
    aliases: ["ls"],
    summary: "list the prefetch artifacts of the local store",
    description: ["With the number of spans that each names; N/A for one that cannot be read."],
    arguments: [],
    options: [ROOT_OPTION, JSON_OPTION],
    examples: [{ line: "socikit prefetch list", summary: "all of them" }],
    json: "[{ Digest: string, LayerDigest: string, TotalSpans: number, CreatedAt: string }], null where there is none; TotalSpans is -1 of one that cannot be read",
    exits: [0, 1, 2, 4, 5, 130],
    load: async () => (await import("./commands/prefetch-list.ts")).prefetchList,
  },
  {
    name: ["prefetch", "info"],
    summary: "print which spans a prefetch artifact of the local store names",
    description: ["With --json the artifact follows the text, as the reference has it."],
    arguments: [{ name: "DIGEST", count: "one", summary: "the artifact, as prefetch list prints it" }],
    options: [ROOT_OPTION, { ...JSON_OPTION, summary: "print the artifact itself, too" }],
    examples: [
      {
        line: "socikit prefetch info sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        summary: "ranges of spans",
      },
    ],
    json: "the text, a line `Raw JSON:`, and { version: string, prefetch_spans: [{ start_span: number, end_span: number, priority?: number }] }",
    exits: [0, 1, 2, 3, 4, 5, 130],
    load: async () => (await import("./commands/prefetch-info.ts")).prefetchInfo,
  },
  {
    name: ["rebuild-db"],
    summary: "make the catalogue of the local store anew from what is there",
    description: [
      "Looks into every blob for indexes. Names and platforms, which blobs do not say, are kept of the indexes that are there.",
    ],
    arguments: [],
    options: [ROOT_OPTION, { name: "quiet", short: "q", kind: "flag", summary: "say nothing" }, JSON_OPTION],
    examples: [{ line: "socikit rebuild-db", summary: "after blobs were removed or damaged by others" }],
    json: "{ indexes: number, ztocs: number, prefetch: number, dropped: [string], damaged: [string] }",
    exits: [0, 1, 2, 4, 5, 130],
    load: async () => (await import("./commands/rebuild-db.ts")).rebuildDb,
  },
  {
    name: ["gc"],
    summary: "free what no index of the local store lists",
    description: [
      "Prints the digests of the blobs that are removed. What interrupted commands have left goes too. It does not run while another command writes to the store.",
    ],
    arguments: [],
    options: [
      { name: "dry-run", kind: "flag", summary: "remove nothing, and print what would be removed" },
      ROOT_OPTION,
      { name: "quiet", short: "q", kind: "flag", summary: "print the digests only" },
      JSON_OPTION,
    ],
    examples: [{ line: "socikit gc --dry-run", summary: "look first" }],
    json: "{ dry_run: boolean, blobs: [{ digest: string, size: number }], leftovers: { count: number, bytes: number }, bytes: number }",
    exits: [0, 1, 2, 4, 5, 130],
    load: async () => (await import("./commands/gc.ts")).gc,
  },
];
