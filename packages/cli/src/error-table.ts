import type { FinchConfigErrorCode } from "@socikit/finch-config";
import type { InflateErrorCode } from "@socikit/inflate";
import type { LazyErrorCode } from "@socikit/lazy-reader";
import type { OciErrorCode } from "@socikit/oci";
import type { RegistryErrorCode } from "@socikit/registry";
import type { SociIndexErrorCode } from "@socikit/soci-index";
import type { ZtocErrorCode } from "@socikit/ztoc";
import type { CliErrorCode } from "./errors.ts";
import { EXIT_CODES, type ExitCode } from "./exit-codes.ts";
import { hintValues, type HintValues } from "./hint-values.ts";

/** What becomes of an error: the exit code, and what to type or do next. */
export interface ErrorRow {
  /** The exit code. */
  readonly exit: ExitCode;
  /** One line. `{line}` stands for the command line as it was typed, `{image}`, `{host}` and `{path}` for what it names. */
  readonly hint?: string;
}

/** Every code of every package. A new code does not compile before it has its row. */
export type KnownErrorCode =
  | CliErrorCode
  | FinchConfigErrorCode
  | InflateErrorCode
  | LazyErrorCode
  | OciErrorCode
  | RegistryErrorCode
  | SociIndexErrorCode
  | ZtocErrorCode;

const { failed, usage, notFound, notAllowed, verification, nothingToIndex, interrupted } = EXIT_CODES;

const LAYER_DAMAGED = "the layer itself is damaged: push the image again, or check the download";
const ZTOC_DAMAGED = "build the index again: socikit create {image}";
const INDEX_DAMAGED = "build the index again: socikit create {image}; or read by another one: --index DIGEST";
const CUT_OFF = "the file or the transfer is cut off: fetch the layer again and compare its digest";
const STATE_UNUSABLE = "begin anew, without the saved state";
const SPAN_SIZE = "choose a span size such as --span-size 4MiB";

/** The table: docs/errors.md is made of it. */
export const ERROR_TABLE: Readonly<Record<KnownErrorCode, ErrorRow>> = {
  // The command line. These errors bring a hint of their own where one is known.
  ERR_CLI_UNKNOWN_COMMAND: { exit: usage, hint: "socikit --help" },
  ERR_CLI_UNKNOWN_OPTION: { exit: usage, hint: "socikit --help" },
  ERR_CLI_OPTION_VALUE: { exit: usage, hint: "socikit --help" },
  ERR_CLI_MISSING_ARGUMENT: { exit: usage, hint: "socikit --help" },
  ERR_CLI_EXTRA_ARGUMENT: { exit: usage, hint: "socikit --help" },
  ERR_CLI_LOCATION: {
    exit: usage,
    hint: "host/repo:tag, host/repo@digest, oci-layout:DIR[:tag] or oci-archive:FILE[:tag]",
  },
  ERR_CLI_LOCATION_NOT_YET: {
    exit: usage,
    hint: "host/repo:tag, host/repo@digest, oci-layout:DIR[:tag] or oci-archive:FILE[:tag]",
  },
  ERR_CLI_COMPRESSION: { exit: usage, hint: "pack the layer with gzip, or leave it a plain tar" },
  ERR_CLI_NO_FILE: { exit: notFound, hint: "check the path" },
  ERR_CLI_NO_DIRECTORY: { exit: notFound, hint: "check the path" },
  ERR_CLI_NOT_A_DIRECTORY: { exit: usage, hint: "name a directory" },
  ERR_CLI_NOT_A_FILE: { exit: usage, hint: "name a file" },
  ERR_CLI_OTHER_ARTIFACT: { exit: usage, hint: "look what is there: socikit index list, socikit ztoc list" },
  ERR_CLI_NOT_INDEXED: { exit: notFound, hint: "make one first: socikit create {image} --local" },
  ERR_CLI_NO_LAYER: { exit: notFound, hint: "say where the layer is: --layer FILE, or --from IMAGE" },
  ERR_CLI_NOT_IN_LAYER: {
    exit: notFound,
    hint: "list its files with ztoc info; a file of another layer is read by the zTOC of that one",
  },
  ERR_CLI_NOT_TEXT: { exit: failed, hint: "check that it is the right file: --file PATH" },
  ERR_CLI_RANGE: { exit: usage, hint: "--range 0-99 is the first hundred bytes, --range -100 the last" },
  ERR_CLI_NOT_CONFIRMED: {
    exit: usage,
    hint: "look at what would be deleted: {line} --dry-run; then delete it: {line} --yes",
  },
  ERR_CLI_TIMEOUT: { exit: failed, hint: "give it more time: --timeout; what is done already is not done again" },
  ERR_CLI_INTERRUPTED: { exit: interrupted },

  // oci
  ERR_OCI_INVALID_DIGEST: { exit: usage, hint: "a digest is sha256: and 64 hex digits" },
  ERR_OCI_INVALID_REFERENCE: {
    exit: usage,
    hint: "host/repo:tag, host/repo@digest, oci-layout:DIR[:tag] or oci-archive:FILE[:tag]",
  },
  ERR_OCI_INVALID_PLATFORM: { exit: usage, hint: "--platform linux/amd64" },
  ERR_OCI_INVALID_MANIFEST: {
    exit: verification,
    hint: "check that the name is an image's: it may be another artifact",
  },
  ERR_OCI_INVALID_CONFIG: { exit: verification, hint: "the image's config is damaged: push the image again" },
  ERR_OCI_PLATFORM_NOT_FOUND: { exit: notFound, hint: "choose one of them: {line} --platform OS/ARCH" },
  ERR_OCI_DIGEST_MISMATCH: {
    exit: verification,
    hint: "the bytes were changed on the way or where they are kept: try again, then push again",
  },
  ERR_OCI_SIZE_MISMATCH: {
    exit: verification,
    hint: "the bytes were cut off on the way or where they are kept: try again, then push again",
  },
  ERR_OCI_SHORT_READ: { exit: verification, hint: CUT_OFF },
  ERR_OCI_TOO_LARGE: { exit: verification, hint: "no image has a manifest or config of this size: check the name" },

  // registry
  ERR_REGISTRY_REPOSITORY_UNKNOWN: {
    exit: notFound,
    hint: "check the name; a private repository may look like this: docker login {host}",
  },
  ERR_REGISTRY_MANIFEST_UNKNOWN: { exit: notFound, hint: "check the tag or digest" },
  ERR_REGISTRY_BLOB_UNKNOWN: { exit: notFound, hint: "the repository is not whole: push the image again" },
  ERR_REGISTRY_UPLOAD_UNKNOWN: { exit: failed, hint: "the registry lost the upload: {line}" },
  ERR_REGISTRY_UPLOAD_BUSY: { exit: failed, hint: "try again: {line}" },
  ERR_REGISTRY_TAG_CHANGED: { exit: failed, hint: "someone else wrote the tag at the same time: {line}" },
  ERR_REGISTRY_READ_ONLY: { exit: notAllowed, hint: "write to another place: socikit create {image} DST" },
  ERR_REGISTRY_DELETE_UNSUPPORTED: {
    exit: notAllowed,
    hint: "this registry takes no deletions this way: allow them in its settings, or delete in its console",
  },
  ERR_REGISTRY_NOT_A_LAYOUT: {
    exit: notFound,
    hint: "check the path: an OCI layout is a directory with oci-layout, index.json and blobs/",
  },
  ERR_REGISTRY_INVALID_LAYOUT: {
    exit: verification,
    hint: "check that the directory is an OCI layout: it has oci-layout, index.json and blobs/",
  },
  ERR_REGISTRY_LAYOUT_LOCKED: { exit: failed, hint: "another program is writing to it: wait, then {line}" },
  ERR_REGISTRY_INVALID_ARCHIVE: {
    exit: verification,
    hint: "check that the file is an OCI archive: a tar with oci-layout, index.json and blobs/",
  },
  ERR_REGISTRY_COMPRESSED_ARCHIVE: { exit: usage, hint: "unpack it first, with gunzip, unzstd or the like" },
  ERR_REGISTRY_AMBIGUOUS_IMAGE: { exit: usage, hint: "name one: {image}:TAG" },
  ERR_REGISTRY_UNAUTHORIZED: { exit: notAllowed, hint: "docker login {host} (or DOCKER_AUTH_CONFIG), then {line}" },
  ERR_REGISTRY_DENIED: {
    exit: notAllowed,
    hint: "the login has no right to do this: docker login {host} as someone who may",
  },
  ERR_REGISTRY_RATE_LIMITED: { exit: failed, hint: "wait, or log in for a higher limit: docker login {host}" },
  ERR_REGISTRY_STATUS: { exit: failed, hint: "if it goes on, ask who runs the registry; --debug shows more" },
  ERR_REGISTRY_PROTOCOL: { exit: failed, hint: "check that a registry answers there, and no proxy or login page" },
  ERR_REGISTRY_REDIRECT: {
    exit: failed,
    hint: "the registry sends its clients where they may not go; ask who runs it",
  },
  ERR_REGISTRY_RANGE_UNSUPPORTED: {
    exit: failed,
    hint: "this registry cannot be read lazily: copy the image to one that answers ranges, socikit create {image} DST",
  },
  ERR_REGISTRY_CONTENT_CODING: {
    exit: failed,
    hint: "a proxy on the way compresses blobs: tell it to leave /v2/ alone",
  },
  ERR_REGISTRY_TOO_LARGE: { exit: verification, hint: "check that a registry answers there, and no other site" },
  ERR_REGISTRY_NETWORK: {
    exit: failed,
    hint: "check that the registry runs and its name and port are right; --plain-http if it does not speak HTTPS",
  },
  ERR_REGISTRY_TIMEOUT: { exit: failed, hint: "the registry or the network is slow: {line}" },
  ERR_REGISTRY_CREDENTIALS: {
    exit: notAllowed,
    hint: "check ~/.docker/config.json (or $DOCKER_CONFIG, DOCKER_AUTH_CONFIG)",
  },

  // inflate
  ERR_INFLATE_HEADER: { exit: verification, hint: LAYER_DAMAGED },
  ERR_INFLATE_DICTIONARY: { exit: verification, hint: LAYER_DAMAGED },
  ERR_INFLATE_DATA: { exit: verification, hint: LAYER_DAMAGED },
  ERR_INFLATE_CHECKSUM: { exit: verification, hint: LAYER_DAMAGED },
  ERR_INFLATE_TRUNCATED: { exit: verification, hint: CUT_OFF },
  ERR_INFLATE_TRAILING_BYTES: { exit: verification, hint: LAYER_DAMAGED },
  ERR_INFLATE_ABORTED_INSTANCE: { exit: failed, hint: "this is a fault of socikit: please report it" },
  ERR_INFLATE_STATE: { exit: failed, hint: STATE_UNUSABLE },
  ERR_INFLATE_FOREIGN_MODULE: { exit: failed, hint: "this is a fault of socikit: please report it" },

  // ztoc: reading one
  ERR_ZTOC_MALFORMED: { exit: verification, hint: "check that the file is a zTOC; else " + ZTOC_DAMAGED },
  ERR_ZTOC_TOO_LARGE: { exit: verification, hint: "check that the file is a zTOC" },
  ERR_ZTOC_NUMBER_OUT_OF_RANGE: { exit: verification, hint: ZTOC_DAMAGED },
  ERR_ZTOC_UNSUPPORTED_ALGORITHM: { exit: failed, hint: "it was built by a newer tool" },
  ERR_ZTOC_UNKNOWN_ENTRY_TYPE: { exit: verification, hint: ZTOC_DAMAGED },
  ERR_ZTOC_INVALID_DIGEST: { exit: verification, hint: ZTOC_DAMAGED },
  ERR_ZTOC_SPAN_COUNT: { exit: verification, hint: ZTOC_DAMAGED },
  ERR_ZTOC_EMPTY_ZINFO: { exit: verification, hint: ZTOC_DAMAGED },
  ERR_ZTOC_INVALID_ZINFO: { exit: verification, hint: ZTOC_DAMAGED },
  ERR_ZTOC_INVALID_CHECKPOINT: { exit: verification, hint: ZTOC_DAMAGED },
  ERR_ZTOC_INVALID_TAR_ZINFO: { exit: verification, hint: ZTOC_DAMAGED },
  ERR_ZTOC_LAYER_MISMATCH: { exit: verification, hint: ZTOC_DAMAGED },
  ERR_ZTOC_INVALID_SPAN: { exit: verification, hint: ZTOC_DAMAGED },
  ERR_ZTOC_OUTSIDE_ARCHIVE: { exit: verification, hint: ZTOC_DAMAGED },
  // ztoc: building one
  ERR_ZTOC_GZIP_HEADER: { exit: verification, hint: LAYER_DAMAGED },
  ERR_ZTOC_GZIP_DICTIONARY: { exit: failed, hint: "no zTOC can reach into this layer: pack it anew with gzip" },
  ERR_ZTOC_GZIP_DATA: { exit: verification, hint: LAYER_DAMAGED },
  ERR_ZTOC_GZIP_CHECKSUM: { exit: verification, hint: LAYER_DAMAGED },
  ERR_ZTOC_GZIP_TRUNCATED: { exit: verification, hint: CUT_OFF },
  ERR_ZTOC_GZIP_TRAILING_BYTES: { exit: verification, hint: LAYER_DAMAGED },
  ERR_ZTOC_GZIP_EMPTY: { exit: verification, hint: CUT_OFF },
  ERR_ZTOC_GZIP_MEMBER_UNREADABLE: { exit: failed, hint: "no zTOC can reach into this layer: pack it anew with gzip" },
  ERR_ZTOC_TAR_HEADER: { exit: verification, hint: "check that it is a layer: a tar, gzip or plain" },
  ERR_ZTOC_TAR_TRUNCATED: { exit: verification, hint: CUT_OFF },
  ERR_ZTOC_TAR_RECORD_TOO_LONG: { exit: verification, hint: LAYER_DAMAGED },
  ERR_ZTOC_TAR_SPARSE_MAP_TOO_LONG: { exit: verification, hint: LAYER_DAMAGED },
  ERR_ZTOC_TAR_ENTRY_TYPE: { exit: failed, hint: "the layer has an entry that no zTOC can hold: pack it anew without" },
  ERR_ZTOC_SPAN_SIZE: { exit: usage, hint: SPAN_SIZE },
  ERR_ZTOC_WORKER: { exit: failed, hint: "try again, with more memory if it was short: {line}" },
  // ztoc: going on with one that was saved
  ERR_ZTOC_STATE_MALFORMED: { exit: failed, hint: STATE_UNUSABLE },
  ERR_ZTOC_STATE_VERSION: { exit: failed, hint: STATE_UNUSABLE },
  ERR_ZTOC_STATE_DAMAGED: { exit: failed, hint: STATE_UNUSABLE },
  ERR_ZTOC_STATE_LAYER: { exit: failed, hint: STATE_UNUSABLE },
  ERR_ZTOC_STATE_OPTIONS: { exit: failed, hint: STATE_UNUSABLE },
  // soci-index
  ERR_SOCI_INDEX_MALFORMED: { exit: verification, hint: ZTOC_DAMAGED },
  ERR_SOCI_INDEX_UNKNOWN_VERSION: { exit: failed, hint: "it was built by a newer tool" },
  ERR_SOCI_INDEX_TOO_LARGE: { exit: verification, hint: ZTOC_DAMAGED },
  ERR_SOCI_NOT_AN_IMAGE: { exit: verification, hint: "check that the name is an image's, not another artifact's" },
  ERR_SOCI_UNKNOWN_LAYER_TYPE: { exit: verification, hint: "only images whose layers are tar archives can be indexed" },
  ERR_SOCI_LAYER_FAILED: { exit: failed, hint: LAYER_DAMAGED },
  ERR_SOCI_STORE_UNKNOWN: { exit: notFound, hint: "look what is there: socikit index list, socikit ztoc list" },
  ERR_SOCI_STORE_BUSY: { exit: failed, hint: "wait until it has ended, then {line}" },
  ERR_SOCI_CATALOGUE_MALFORMED: { exit: verification, hint: "make it anew from what is there: socikit rebuild-db" },
  ERR_SOCI_CATALOGUE_VERSION: { exit: failed, hint: "it was written by a newer version: update socikit" },
  ERR_SOCI_NOTHING_TO_INDEX: {
    exit: nothingToIndex,
    hint: "an image of small layers is as quick to pull; to index it all the same: {line} --min-layer-size 0",
  },
  ERR_SOCI_LAYOUT_INVALID: {
    exit: verification,
    hint: "check that the directory is a whole OCI layout: it has oci-layout, index.json and blobs/",
  },
  ERR_SOCI_LAYOUT_NO_IMAGE: { exit: notFound, hint: "check the path: this layout holds no image" },
  ERR_SOCI_NOT_CONVERTED: { exit: usage, hint: "check the name: only what convert has made can be taken back" },
  ERR_SOCI_ORIGINAL_UNKNOWN: {
    exit: failed,
    hint: "name the digest that the image had, {line} --original sha256:..., or a place that may have it still, --place host/repo:tag",
  },
  ERR_SOCI_TOO_MANY_ENTRIES: {
    exit: failed,
    hint: "make the list of files to prefetch by the reference's rule: --compat",
  },
  ERR_SOCI_PREFETCH_MALFORMED: { exit: verification, hint: ZTOC_DAMAGED },
  ERR_SOCI_PREFETCH_UNKNOWN_VERSION: { exit: failed, hint: "it was built by a newer tool" },
  ERR_SOCI_PREFETCH_TOO_LARGE: { exit: verification, hint: ZTOC_DAMAGED },
  ERR_SOCI_PREFETCH_LIST: {
    exit: usage,
    hint: "it is a JSON array of paths, or of objects with a path and a priority",
  },
  ERR_SOCI_PREFETCH_TOO_BROAD: {
    exit: usage,
    hint: "name directories in place of patterns, begin patterns with the directory that is meant, or give fewer of them",
  },
  ERR_SOCI_REPOSITORY_TOO_LARGE: { exit: failed },
  ERR_SOCI_DELETE_UNSUPPORTED: {
    exit: notAllowed,
    hint: "this registry takes no deletions this way: allow them in its settings, or delete in its console",
  },
  ERR_SOCI_DELETE_DENIED: { exit: notAllowed, hint: "docker login {host} as someone who may delete, then {line}" },

  // finch-config
  ERR_FINCH_CONFIG_SYNTAX: { exit: failed, hint: "correct the file at that place: Finch cannot read it either" },
  ERR_FINCH_CONFIG_VALUE: { exit: failed, hint: "correct the file at that place: Finch cannot read it either" },
  ERR_FINCH_CONFIG_TOO_LARGE: { exit: failed, hint: "check that it is the right file: --file PATH" },
  ERR_FINCH_CONFIG_NOT_EDITABLE: {
    exit: failed,
    hint: "write it yourself: snapshotters, and below it - soci as the first of the list",
  },

  // lazy-reader
  ERR_LAZY_NOT_FOUND: { exit: notFound, hint: "look what is there: socikit ls {image}" },
  ERR_LAZY_NOT_A_FILE: { exit: usage, hint: "list it: socikit ls {image} {path}" },
  ERR_LAZY_NOT_A_DIRECTORY: { exit: usage, hint: "a part of the path is a file: socikit ls {image} {path}" },
  ERR_LAZY_SYMLINK_LOOP: { exit: failed, hint: "the link leads back to itself: socikit ls -l {image} {path}" },
  ERR_LAZY_FILE_TOO_LARGE: { exit: failed, hint: "read a part: socikit cat {image} {path} --range 0-999999" },
  ERR_LAZY_SPAN_DIGEST: {
    exit: verification,
    hint: "layer and index do not fit: build the index again, socikit create {image}; or read by another one: --index DIGEST",
  },
  ERR_LAZY_SPAN_DATA: { exit: verification, hint: INDEX_DAMAGED },
  ERR_LAZY_SPAN_TOO_LARGE: {
    exit: failed,
    hint: "build the index with smaller spans: socikit create {image} --span-size 4MiB",
  },
  ERR_LAZY_WINDOW_MISMATCH: { exit: verification, hint: INDEX_DAMAGED },
  ERR_LAZY_HEADER_MISMATCH: { exit: verification, hint: INDEX_DAMAGED },
  ERR_LAZY_ENTRY_REFUSED: { exit: verification, hint: INDEX_DAMAGED },
  ERR_LAZY_INVALID_INDEX: { exit: verification, hint: INDEX_DAMAGED },
  ERR_LAZY_INDEX_MISMATCH: { exit: verification, hint: INDEX_DAMAGED },
  ERR_LAZY_INDEX_TOO_LARGE: {
    exit: failed,
    hint: "build the index with larger spans: socikit create {image} --span-size 4MiB",
  },
  ERR_LAZY_TOO_MANY_ENTRIES: { exit: failed },
  ERR_LAZY_LAYER_DATA: { exit: verification, hint: LAYER_DAMAGED },
  ERR_LAZY_LAYER_TOO_LARGE: {
    exit: failed,
    hint: "the layer has no zTOC and is too large to be read whole: socikit create {image} --min-layer-size 0",
  },
  ERR_LAZY_UNSUPPORTED_COMPRESSION: { exit: failed, hint: "only gzip and plain tar layers can be read yet" },
  ERR_LAZY_NO_INDEX: { exit: notFound, hint: "make one: socikit create {image}" },
  ERR_LAZY_NOT_AN_IMAGE: { exit: verification, hint: "check that the name is an image's, not another artifact's" },
  ERR_LAZY_CLOSED: { exit: failed },
};

/** Codes of the host, https://nodejs.org/api/errors.html#common-system-errors, and of its HTTP client. */
const HOST_ROWS: Readonly<Record<string, ErrorRow>> = {
  ENOENT: { exit: notFound, hint: "check the path" },
  ENOTDIR: { exit: notFound, hint: "check the path: a part of it is a file" },
  ENOTREG: { exit: usage, hint: "name a regular file; what comes from a pipe is read from standard input: -" },
  EISDIR: { exit: usage, hint: "name a file, not a directory" },
  EACCES: { exit: notAllowed, hint: "this user may not: check the permissions" },
  EPERM: { exit: notAllowed, hint: "this user may not: check the permissions" },
  EROFS: { exit: notAllowed, hint: "the file system is read-only: write elsewhere" },
  EFBIG: { exit: usage, hint: "check that it is the right file" },
  ENOSPC: { exit: failed, hint: "the disk is full" },
  EDQUOT: { exit: failed, hint: "the disk quota is used up" },
  EADDRINUSE: { exit: failed, hint: "something listens there already: --listen 127.0.0.1:0 takes any free port" },
  EADDRNOTAVAIL: { exit: usage, hint: "this machine does not have that address: --listen 127.0.0.1:5000" },
  ENOTFOUND: { exit: failed, hint: "check the host's name" },
  ECONNREFUSED: { exit: failed, hint: "check that the registry runs, and its port" },
};

/** What an error comes to. */
export interface Explained {
  /** What happened, in one line; not yet safe for a terminal. */
  readonly message: string;
  /** What to type or do next, where that is known. */
  readonly hint?: string | undefined;
  /** The exit code. */
  readonly exit: ExitCode;
}

/** Finds the row of an error, by its own code or by that of what caused it. */
export function explainError(
  error: unknown,
  context: { readonly args: readonly string[]; readonly aborted: boolean },
): Explained {
  const code = codeOf(error);
  // What Ctrl-C breaks off fails in many ways: they are all one.
  if (context.aborted || code === "ERR_CLI_INTERRUPTED") return { message: "interrupted", exit: interrupted };
  const message = messageOf(error);
  const values = hintValues(context.args);
  const row = rowOf(error, code, values);
  const own = (error as { readonly hint?: unknown } | null)?.hint;
  const hint = typeof own === "string" ? own : row.hint;
  const known: Readonly<Record<string, () => string>> = {
    line: () => ["socikit", ...context.args].map(quoted).join(" "),
    image: () => (values.image === undefined ? "IMAGE" : quoted(values.image)),
    path: () => (values.path === undefined ? "PATH" : quoted(values.path)),
    host: () => hostOf(error, values),
  };
  return {
    message,
    exit: row.exit,
    hint: hint?.replaceAll(/\{(line|image|path|host)\}/g, (_, name: string) => known[name]!()),
  };
}

/** The registry that an error is about: the one that answered, where several are named. */
function hostOf(error: unknown, { hosts }: HintValues): string {
  const { url } = error as { readonly url?: unknown };
  const asked = typeof url === "string" && URL.canParse(url) ? new URL(url).host : undefined;
  return hosts.find((host) => host === asked) ?? hosts[0] ?? "HOST";
}

/** Rows of what a code means in some circumstances. */
function particularRow(error: unknown, code: string | undefined, { command }: HintValues): ErrorRow | undefined {
  // An answer had begun: the registry is there.
  if (code === "ERR_REGISTRY_NETWORK" && (error as { readonly status?: unknown }).status !== undefined)
    return { exit: failed, hint: "the connection broke: try again, {line}" };
  // It is the converted image that is too large.
  if (code === "ERR_OCI_TOO_LARGE" && error instanceof Error && error.message.includes("written as Go writes it"))
    return { exit: verification, hint: "index the image as it is, with create; or give it shorter annotations" };
  // There is nothing to choose.
  if (code === "ERR_OCI_PLATFORM_NOT_FOUND" && error instanceof Error && error.message.endsWith(" has no images"))
    return { exit: notFound, hint: "check the name: it is of an index that lists no image" };
  if (code === "ERR_ZTOC_TOO_LARGE" && (command === "create" || command === "ztoc build"))
    return {
      exit: failed,
      hint: "where it is checkpoints, of 32 KiB each, choose a larger span size, such as --span-size 64MiB",
    };
  return undefined;
}

function rowOf(error: unknown, code: string | undefined, values: HintValues): ErrorRow {
  const particular = particularRow(error, code, values);
  if (particular !== undefined) return particular;
  const cause = error instanceof Error ? error.cause : undefined;
  // What is wrong with a layer says more than that it is a layer.
  if (code === "ERR_SOCI_LAYER_FAILED" && codeOf(cause) !== undefined) return rowOf(cause, codeOf(cause), values);
  const row =
    code === undefined ? undefined : ((ERROR_TABLE as Readonly<Record<string, ErrorRow>>)[code] ?? HOST_ROWS[code]);
  if (row !== undefined) return row;
  if (cause !== undefined) return rowOf(cause, codeOf(cause), values);
  // A wrong argument that reached a library: the option is out of its bounds.
  if (error instanceof RangeError) return { exit: usage, hint: "socikit --help" };
  return { exit: failed, hint: "{line} --debug" };
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // The host's errors name the call: "ENOENT: no such file or directory, open 'x'", "listen EADDRINUSE: address already in use ::1:1".
  const { syscall, path, code, address, port } = error as NodeJS.ErrnoException & {
    readonly address?: string;
    readonly port?: number;
  };
  if (syscall === undefined || code === undefined) return error.message;
  if (syscall === "listen") {
    const reason = /^listen [A-Z]+: (.*?)(?: \S+)?$/.exec(error.message)?.[1] ?? code;
    return `Cannot listen on ${address ?? "this address"}${port === undefined ? "" : `:${port}`}: ${reason}`;
  }
  const reason = /^[A-Z]+: (.*?), \w+/.exec(error.message)?.[1];
  if (path === undefined && reason === undefined) return error.message;
  return `Cannot ${VERBS[syscall] ?? syscall}${path === undefined ? "" : ` ${path}`}: ${reason ?? code}`;
}

/** What calls do, in words. */
const VERBS: Readonly<Record<string, string>> = {
  fsync: "write",
  ftruncate: "write",
  lstat: "open",
  mkdir: "make directory",
  read: "read",
  realpath: "open",
  rename: "write",
  rmdir: "remove",
  scandir: "list",
  stat: "open",
  unlink: "remove",
  write: "write",
};

/** An argument as a shell takes it. */
function quoted(arg: string): string {
  return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`;
}
