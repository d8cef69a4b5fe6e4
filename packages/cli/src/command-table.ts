import { ARTIFACT_COMMANDS } from "./artifact-command-specs.ts";
import type { CommandSpec, OptionSpec } from "./command-spec.ts";
import { INDEXING_JSON, INDEXING_OPTION_SPECS, SKIPPED_JSON } from "./indexing-option-specs.ts";
import { ROOT_OPTION } from "./local-store.ts";
import { STORE_COMMANDS } from "./store-command-specs.ts";

const JSON_OPTION: OptionSpec = { name: "json", kind: "flag", summary: "print one JSON document on stdout" };
const PLAIN_HTTP: OptionSpec = {
  name: "plain-http",
  kind: "flag",
  byDefault: "plain HTTP on loopback only",
  summary: "talk HTTP, not HTTPS, to the registry",
};
const INDEX: OptionSpec = {
  name: "index",
  kind: "text",
  value: "DIGEST",
  byDefault: "the one that the image names, else the first of its referrers that can be used",
  summary: "the SOCI index to read by",
};
const PLATFORM: OptionSpec = {
  name: "platform",
  short: "p",
  kind: "text",
  value: "OS/ARCH",
  byDefault: "linux and this machine's processor, else the only one there is",
  summary: "which platform of the image",
};

const TRACE: OptionSpec = {
  name: "trace",
  kind: "flag",
  summary: "say on stderr how the image's index was looked for: each step, what was asked and what was answered",
};

/**
 * Every command. Parsing, help, did-you-mean, completion and the reference page come from this table and nowhere else.
 */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: ["create"],
    takesGlobals: true,
    summary: "index an image, so that it can be read and started without being downloaded",
    description: [
      "Reads each layer once, from where the image is, and writes one zTOC a layer and the SOCI index that lists them. The image keeps its digest. Nothing is written to this machine's disk, unless SRC or DST is a layout or archive on it, or with --local.",
      "Without DST the index is written beside SRC, which CHANGES SRC: a registry gets the index as a referrer of the image, a layout directory or an archive has it and its zTOCs in it from then on. To leave SRC as it is, give DST, or --local. With DST the image is copied there, layers while they are indexed; the index comes when all of the copy is there, and the tag last; where nothing can be indexed, the copy is there all the same, and the exit code is 6.",
      "With --local the index goes to the local store instead, for push to send. zTOCs that the store has of a layer and span size, of whatever image, are used again, unless --force is given.",
      "Prints one line a layer, then the digest of each index.",
    ],
    arguments: [
      {
        name: "SRC",
        count: "one",
        summary: "the image: host/repo:tag, host/repo@digest, oci-layout:DIR[:tag], oci-archive:FILE[:tag]",
      },
      {
        name: "DST",
        count: "optional",
        summary: "where a copy of the image and its index go; without it the index is written into SRC",
      },
    ],
    options: [
      ...INDEXING_OPTION_SPECS,
      { name: "local", kind: "flag", summary: "write the index to the local store alone; push sends it" },
      ROOT_OPTION,
      PLAIN_HTTP,
      {
        name: "quiet",
        short: "q",
        kind: "flag",
        summary: "no progress and no warnings; print the digests of the indexes only",
      },
      JSON_OPTION,
    ],
    examples: [
      { line: "socikit create ghcr.io/me/app:1.2", summary: "index an image in its registry" },
      {
        line: "socikit create docker.io/library/rabbitmq:4 127.0.0.1:5000/rabbitmq:4",
        summary: "copy an image and index the copy",
      },
      {
        line: "socikit create oci-layout:./image:latest --min-layer-size 0",
        summary: "index a layout on disk, small layers too",
      },
    ],
    json: `{ image: Descriptor, location: string, indexes: [{ platform?: string, manifest: Descriptor, index: Descriptor, ${INDEXING_JSON} }] }; with exit code 6 { location: string, indexes: [], ${SKIPPED_JSON} }`,
    exits: [0, 1, 2, 3, 4, 5, 6, 130],
    load: async () => (await import("./commands/create.ts")).create,
  },
  {
    name: ["convert"],
    takesGlobals: true,
    summary: "make an image with SOCI indexes inside, which any tool can copy whole (v2)",
    description: [
      "Reads each layer once, from where SRC is, for its copy and its zTOC together, and writes the converted image to DST: layers, zTOCs, one SOCI index a platform, manifests that name it, and the image index that lists both; the tag last. Layers are not written to this machine's disk, unless DST is on it. What DST has already is not sent, and its zTOCs are used again, unless --force is given.",
      "The converted image has other digests than SRC: manifests are written anew, those of platforms without an index too. Attestations are kept what they are with --keep-attestations only; signatures are of the old digests. unconvert gives the original back: of any image, and anywhere, where it was converted with --keep-originals; without, where its digest is known or can be found out.",
      "Digests are those of the reference's convert. --standalone takes and writes what the reference's convert --standalone does: SRC is a layout directory or a tar file, DST a file, or with --format oci-dir a directory, which is replaced; files to prefetch are looked for as with --compat.",
      "Prints one line a layer, then which manifest and which image took the place of which.",
    ],
    arguments: [
      {
        name: "SRC",
        count: "one",
        summary: "the image: host/repo:tag, host/repo@digest, oci-layout:DIR[:tag], oci-archive:FILE[:tag]",
      },
      {
        name: "DST",
        count: "one",
        summary: "where the converted image goes: host/repo:tag, oci-layout:DIR[:tag], oci-archive:FILE[:tag]",
      },
    ],
    options: [
      ...INDEXING_OPTION_SPECS,
      {
        name: "keep-attestations",
        kind: "flag",
        summary: "leave attestations and other artifacts as they are, and let them be of the new manifests",
      },
      {
        name: "keep-originals",
        kind: "flag",
        summary: "leave a record of the manifests as they were beside the converted image, for unconvert",
      },
      {
        name: "expand-nested",
        kind: "flag",
        byDefault: "the first manifest of an index in the index takes its place, as in the reference",
        summary: "let all manifests of an index in the index take its place",
      },
      { name: "standalone", kind: "flag", summary: "SRC and DST are paths of OCI layouts, as for the reference" },
      {
        name: "format",
        kind: "text",
        lastCounts: true,
        value: "FORMAT",
        byDefault: "oci-archive",
        summary: "with --standalone: oci-archive, a tar file, or oci-dir, a directory",
      },
      PLAIN_HTTP,
      {
        name: "quiet",
        short: "q",
        kind: "flag",
        summary: "no progress and no warnings; print the digest of the converted image only",
      },
      JSON_OPTION,
    ],
    examples: [
      {
        line: "socikit convert ghcr.io/me/app:1.2 ghcr.io/me/app:1.2-soci --all-platforms",
        summary: "convert an image in its registry",
      },
      {
        line: "socikit convert docker.io/library/rabbitmq:4 oci-archive:rabbitmq.tar",
        summary: "from a registry into a file",
      },
      {
        line: "socikit convert --standalone --format oci-dir ./image ./image-soci",
        summary: "as the reference, from a layout on disk",
      },
    ],
    json: `{ source: Descriptor, image: Descriptor, location: string, originals?: Descriptor, manifests: [{ platform?: string, from: Descriptor, to: Descriptor, index?: Descriptor }], platforms: [{ platform: string, manifest: Descriptor, index: Descriptor, ${INDEXING_JSON} }], decisions: [{ code: string, digest: string, message: string, lost?: [string] }] }; with exit code 6 { location: string, platforms: [], ${SKIPPED_JSON} }`,
    exits: [0, 1, 2, 3, 4, 5, 6, 130],
    load: async () => (await import("./commands/convert.ts")).convert,
  },
  {
    name: ["unconvert"],
    summary:
      "give back what an image was before it was converted: the same manifests, under the same digests (surely after convert --keep-originals)",
    description: [
      "What manifests were comes from the record that convert --keep-originals leaves. Without one, also of images that the reference has converted, they are written as the tools in use write them, and taken for the original where someone knows its digest: whoever names it (--original), an attestation of the image, SRC's place or DST's or another (--place) that has a manifest of that digest or something that refers to it, such as a signature.",
      "Copies what is not there already, layers too, and writes DST's tag last. The converted image stays.",
      "Prints which manifest and which image took the place of which.",
    ],
    arguments: [
      {
        name: "SRC",
        count: "one",
        summary: "the converted image: host/repo:tag, host/repo@digest, oci-layout:DIR[:tag], oci-archive:FILE[:tag]",
      },
      {
        name: "DST",
        count: "one",
        summary: "where the original goes: host/repo:tag, oci-layout:DIR[:tag], oci-archive:FILE[:tag]",
      },
    ],
    options: [
      {
        name: "original",
        kind: "texts",
        value: "DIGEST",
        summary: "a digest that the image, or a manifest of it, had; may be repeated, and a list with commas",
      },
      {
        name: "place",
        kind: "texts",
        value: "IMAGE",
        summary: "an image in a place that may have the original still; may be repeated, and a list with commas",
      },
      PLAIN_HTTP,
      { name: "quiet", short: "q", kind: "flag", summary: "no progress; print the digest of the original only" },
      JSON_OPTION,
    ],
    examples: [
      {
        line: "socikit unconvert ghcr.io/me/app:1.2-soci ghcr.io/me/app:1.2",
        summary: "in the repository where it was converted",
      },
      {
        line: "socikit unconvert oci-layout:./image-soci oci-layout:./image --original sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        summary: "of an image whose digest is known",
      },
    ],
    json: '{ source: Descriptor, image: Descriptor, location: string, via: "record" | "digest", manifests: [{ from: Descriptor, to: Descriptor }] }',
    exits: [0, 1, 2, 3, 4, 5, 130],
    load: async () => (await import("./commands/unconvert.ts")).unconvert,
  },
  {
    name: ["serve"],
    summary: "serve images as a registry: from memory, or from layout directories",
    description: [
      "Every directory below DIR that holds an oci-layout file is the repository of that relative name, read-only. Without DIR, the registry is empty, takes pushes, and forgets them at the end.",
      "Prints its URL and serves until Ctrl-C. There is no authentication: it listens on this machine only, unless told otherwise.",
    ],
    arguments: [{ name: "DIR", count: "optional", summary: "a directory with OCI layouts" }],
    options: [
      {
        name: "listen",
        kind: "text",
        value: "HOST:PORT",
        byDefault: "127.0.0.1:5000",
        summary: "where to listen; port 0 takes any that is free",
      },
      { name: "quiet", short: "q", kind: "flag", summary: "do not log requests" },
    ],
    examples: [
      { line: "socikit serve", summary: "a registry to try things on" },
      { line: "socikit serve ./images --listen 127.0.0.1:0", summary: "layouts on disk, on any free port" },
    ],
    exits: [0, 1, 2, 3, 4],
    load: async () => (await import("./commands/serve.ts")).serve,
  },
  {
    name: ["ls"],
    summary: "list files of an image without pulling it",
    description: [
      "Lists what the image's index says: no layer that has a zTOC is downloaded. Layers without one are, up to a limit.",
      "With -R, prints whole paths, one a line.",
      "With --trace, says how the index was looked for: the digest that --index names, else the annotation of a converted image (v2), else the image's referrers (v1), by the registry's referrers API and by the fallback tag.",
    ],
    arguments: [
      {
        name: "REF",
        count: "one",
        summary: "the image: host/repo:tag, host/repo@digest, oci-layout:DIR[:tag], oci-archive:FILE[:tag]",
      },
      { name: "PATH", count: "optional", summary: "a directory or file in the image; / where left out" },
    ],
    options: [
      { name: "long", short: "l", kind: "flag", summary: "mode, owner, size and time of each" },
      { name: "recursive", short: "R", kind: "flag", summary: "everything below PATH" },
      PLATFORM,
      INDEX,
      TRACE,
      PLAIN_HTTP,
      JSON_OPTION,
    ],
    examples: [
      { line: "socikit ls 127.0.0.1:5000/rabbitmq:4 /etc", summary: "what is in a directory" },
      { line: "socikit ls -lR 127.0.0.1:5000/rabbitmq:4", summary: "everything, with sizes" },
      { line: "socikit ls --trace 127.0.0.1:5000/rabbitmq:4", summary: "which index is read by, and why that one" },
    ],
    json: "[{ path: string, type: string, mode: number, size: number, uid: number, gid: number, mtime: number (whole seconds since 1970), mtimeNs: number (nanoseconds after mtime), link?: string }]; with --trace { trace: [{ step: string, outcome: string, code: string, asked?: string, message: string, index?: string }], files: the same }",
    exits: [0, 1, 2, 3, 4, 5, 130],
    load: async () => (await import("./commands/ls.ts")).ls,
  },
  {
    name: ["cat"],
    summary: "print files of an image without pulling it",
    description: [
      "Fetches the spans that hold the files, checks each against its digest, and prints the bytes. Symbolic links are followed inside the image.",
      "With --trace, says on stderr how the index was looked for, as ls does.",
    ],
    arguments: [
      {
        name: "REF",
        count: "one",
        summary: "the image: host/repo:tag, host/repo@digest, oci-layout:DIR[:tag], oci-archive:FILE[:tag]",
      },
      { name: "PATH", count: "some", summary: "files in the image" },
    ],
    options: [
      {
        name: "range",
        kind: "text",
        value: "A-B",
        summary: "bytes A to B of each file, both included, from 0; A- to the end, -N the last N",
      },
      PLATFORM,
      INDEX,
      TRACE,
      PLAIN_HTTP,
    ],
    examples: [
      { line: "socikit cat 127.0.0.1:5000/rabbitmq:4 /etc/os-release", summary: "one file" },
      {
        line: "socikit cat 127.0.0.1:5000/rabbitmq:4 /var/log/dpkg.log --range -1000",
        summary: "the last thousand bytes",
      },
    ],
    exits: [0, 1, 2, 3, 4, 5, 130],
    load: async () => (await import("./commands/cat.ts")).cat,
  },
  {
    name: ["ztoc", "build"],
    summary: "build the zTOC of one layer and print its digest",
    description: [
      "Reads the layer once. Without -o nothing is written. The result is byte for byte what the reference implementation builds.",
    ],
    arguments: [{ name: "LAYER", count: "one", summary: "a layer file, gzip or plain tar, or - for standard input" }],
    options: [
      {
        name: "output",
        short: "o",
        kind: "text",
        value: "FILE",
        summary: "write the zTOC here; - for standard output",
      },
      {
        name: "span-size",
        kind: "bytes",
        value: "BYTES",
        byDefault: "4194304",
        summary: "uncompressed bytes between two checkpoints; of gzip also 0, a checkpoint at each block",
      },
      {
        name: "media-type",
        kind: "text",
        value: "TYPE",
        byDefault: "told from the first bytes",
        summary: "media type of the layer, which says how it is packed",
      },
      JSON_OPTION,
    ],
    examples: [
      { line: "socikit ztoc build layer.tar.gz", summary: "the digest, to compare" },
      { line: "gzip -c app.tar | socikit ztoc build - -o app.ztoc", summary: "from a pipe into a file" },
    ],
    json: "{ digest: string, size: number, span_size: number, warnings: [string], output?: string }",
    exits: [0, 1, 2, 3, 4, 5, 130],
    load: async () => (await import("./commands/ztoc-build.ts")).ztocBuild,
  },
  ...STORE_COMMANDS,
  ...ARTIFACT_COMMANDS,
  {
    name: ["finch", "enable-soci"],
    summary: "make SOCI the default snapshotter of Finch",
    description: [
      "Edits finch.yaml and nothing else in it. Finch reads it when its virtual machine starts: `finch vm stop`, then `finch vm start`.",
      "Finch writes the file anew at every command, without comments; the setting stays.",
    ],
    arguments: [],
    options: [
      {
        name: "file",
        kind: "text",
        value: "PATH",
        byDefault: "~/.finch/finch.yaml; on Windows %LOCALAPPDATA%\\.finch\\finch.yaml",
        summary: "the configuration to edit",
      },
      { name: "dry-run", kind: "flag", summary: "print the file as it would be, and write nothing" },
      JSON_OPTION,
    ],
    examples: [
      { line: "socikit finch enable-soci --dry-run", summary: "look first" },
      { line: "socikit finch enable-soci", summary: "do it" },
    ],
    json: "{ file: string, before: string, after: string, changed: boolean }",
    exits: [0, 1, 2, 3, 4, 130],
    load: async () => (await import("./commands/finch-enable-soci.ts")).finchEnableSoci,
  },
];
