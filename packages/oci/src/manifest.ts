import type { Descriptor } from "./descriptor.ts";
import { isDigest } from "./digest.ts";
import { OciError } from "./errors.ts";
import { decodeGoJson, foldName, type Json, type JsonObject } from "./go-json-decode.ts";
import { DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, OCI_INDEX, OCI_MANIFEST } from "./media-types.ts";
import type { Platform } from "./platform.ts";

/**
 * An image manifest, OCI or Docker schema 2.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md
 */
export interface ImageManifest {
  /** Always 2. */
  readonly schemaVersion: 2;
  /** Absent in manifests that some tools write (umoci). */
  readonly mediaType?: string;
  /** Type of an artifact, where the manifest is one. */
  readonly artifactType?: string;
  /** The image config, or an artifact's. */
  readonly config: Descriptor;
  /** Layers, oldest first. */
  readonly layers: readonly Descriptor[];
  /** The manifest this one refers to. */
  readonly subject?: Descriptor;
  /** Free-form annotations. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * An image index, or a Docker manifest list.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
 */
export interface ImageIndex {
  /** Always 2. */
  readonly schemaVersion: 2;
  /** Absent in indexes that some tools write. */
  readonly mediaType?: string;
  /** Type of an artifact, where the index is one. */
  readonly artifactType?: string;
  /** Children: manifests, or further indexes. */
  readonly manifests: readonly Descriptor[];
  /** The manifest this one refers to. */
  readonly subject?: Descriptor;
  /** Free-form annotations. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What socikit reads of an image config. https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md */
export interface ImageConfig {
  /** The platform that the image runs on. */
  readonly platform: Platform;
  /** Diff IDs (digests of the uncompressed layers), oldest first. */
  readonly diffIds: readonly string[];
}

/** Largest manifest, index or config accepted, in bytes (what oras-go takes; the distribution spec asks registries for as much). */
export const MAX_MANIFEST_SIZE: number = 4 * 1024 * 1024;
/** Deepest nesting of image indexes that is entered. Real ones are one deep, rarely two. */
export const MAX_INDEX_DEPTH = 8;
/** Most layers of a manifest, children of an index, or entries of any list in them. */
const MAX_DESCRIPTORS = 10_000;

const DOCUMENT_MEMBERS = [
  "schemaVersion",
  "mediaType",
  "artifactType",
  "config",
  "layers",
  "manifests",
  "subject",
  "annotations",
  "fsLayers",
];
const DESCRIPTOR_MEMBERS = ["mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"];
const PLATFORM_MEMBERS = ["architecture", "os", "os.version", "os.features", "variant"];

/** Tells the two apart. */
export function isImageIndex(manifest: ImageManifest | ImageIndex): manifest is ImageIndex {
  return "manifests" in manifest;
}

/**
 * Decodes a manifest or index of either kind, checking every field that is read later.
 *
 * A document that is both (with `manifests` and `layers` or `config`) is refused: tools that disagree about which it is
 * would see different images (CVE-2021-41190). So is one with a member twice, or in another case than the spec's: Go reads
 * the one, other readers the other.
 *
 * @param mediaType What the transport or descriptor says; must agree with the document where both say something.
 * @throws {OciError} `ERR_OCI_INVALID_MANIFEST` for anything else, Docker schema 1 included; `ERR_OCI_TOO_LARGE`.
 */
export function decodeManifest(bytes: Uint8Array, mediaType?: string): ImageManifest | ImageIndex {
  const fail = failure("manifest", "ERR_OCI_INVALID_MANIFEST");
  const document = decodeJsonObject(bytes, "manifest", "ERR_OCI_INVALID_MANIFEST");
  const json = structOf(document, DOCUMENT_MEMBERS, "it", fail);
  if (json.has("fsLayers"))
    fail("it is Docker schema 1, which cannot be read: push the image again with a current tool");
  if (json.get("schemaVersion") !== 2) fail("schemaVersion is not 2");
  const own = optionalString(json.get("mediaType"), "mediaType", fail);
  if (own !== undefined && mediaType !== undefined && mediaType !== "" && own !== mediaType) {
    fail(`it says it is ${JSON.stringify(own)} but was announced as ${JSON.stringify(mediaType)}`);
  }
  const type = own ?? mediaType;
  const isIndex = json.has("manifests");
  if (isIndex && (json.has("layers") || json.has("config"))) fail("it is both an image index and an image manifest");
  if (isIndex && (type === OCI_MANIFEST || type === DOCKER_MANIFEST))
    fail(`it is an index, but its media type is ${type}`);
  if (!isIndex && (type === OCI_INDEX || type === DOCKER_MANIFEST_LIST))
    fail(`it has no manifests, but its media type is ${type}`);
  const subject = json.get("subject");
  const common = {
    schemaVersion: 2 as const,
    ...optional("mediaType", own),
    ...optional("artifactType", optionalString(json.get("artifactType"), "artifactType", fail)),
    ...optional("subject", subject == null ? undefined : decodeDescriptor(subject, "subject", fail)),
    ...optional("annotations", decodeAnnotations(json.get("annotations"), "annotations", fail)),
  };
  if (isIndex) return { ...common, manifests: decodeDescriptors(json.get("manifests") ?? [], "manifests", fail) };
  if (!json.has("config")) fail("it has neither manifests nor config");
  return {
    ...common,
    config: decodeDescriptor(json.get("config"), "config", fail),
    layers: decodeDescriptors(json.get("layers") ?? [], "layers", fail),
  };
}

/**
 * Decodes what is needed of an image config.
 *
 * @throws {OciError} `ERR_OCI_INVALID_CONFIG`, `ERR_OCI_TOO_LARGE`.
 */
export function decodeImageConfig(bytes: Uint8Array): ImageConfig {
  const fail = failure("image config", "ERR_OCI_INVALID_CONFIG");
  const document = decodeJsonObject(bytes, "image config", "ERR_OCI_INVALID_CONFIG");
  const json = structOf(document, [...PLATFORM_MEMBERS, "rootfs"], "it", fail);
  const rootfs = json.get("rootfs") ?? null;
  const diffIds = rootfs === null ? undefined : structOf(rootfs, ["type", "diff_ids"], "rootfs", fail).get("diff_ids");
  return {
    platform: platformOf(json, "config", fail),
    diffIds: optionalStrings(diffIds, "rootfs.diff_ids", fail) ?? [],
  };
}

type Fail = (what: string) => never;

function failure(noun: string, code: "ERR_OCI_INVALID_MANIFEST" | "ERR_OCI_INVALID_CONFIG"): Fail {
  return (what) => {
    throw new OciError(code, `Cannot decode ${noun}: ${what}`);
  };
}

function decodeJsonObject(
  bytes: Uint8Array,
  noun: string,
  code: "ERR_OCI_INVALID_MANIFEST" | "ERR_OCI_INVALID_CONFIG",
): JsonObject {
  if (bytes.length > MAX_MANIFEST_SIZE) {
    throw new OciError(
      "ERR_OCI_TOO_LARGE",
      `Cannot decode ${noun}: its ${bytes.length} bytes are more than ${MAX_MANIFEST_SIZE}`,
    );
  }
  let json: Json;
  try {
    json = decodeGoJson(bytes);
  } catch (cause) {
    throw new OciError(code, `Cannot decode ${noun}: ${(cause as SyntaxError).message}`, { cause });
  }
  if (!(json instanceof Map)) throw new OciError(code, `Cannot decode ${noun}: it is not a JSON object`);
  return json;
}

/**
 * The members of an object that is read as one of Go's structs. Go would also take a name in another case; other readers
 * would not, and would see another image.
 */
function structOf(value: Json | undefined, names: readonly string[], at: string, fail: Fail): JsonObject {
  if (!(value instanceof Map)) return fail(`${at} is not an object`);
  for (const name of value.keys()) {
    if (names.includes(name)) continue;
    const folded = foldName(name);
    const meant = names.find((known) => foldName(known) === folded);
    if (meant !== undefined)
      fail(`${at} has ${JSON.stringify(name)}, which some readers take for ${JSON.stringify(meant)}`);
  }
  return value;
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

/** Text; absent where it is null or empty, which Go does not tell apart from absent. */
function optionalString(value: Json | undefined, at: string, fail: Fail): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") return fail(`${at} is not text`);
  return value;
}

/** A list of text; absent where it is null or empty. A null in it is "", as in Go. */
function optionalStrings(value: Json | undefined, at: string, fail: Fail): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isList(value)) return fail(`${at} is not a list`);
  if (value.length > MAX_DESCRIPTORS) return fail(`${at} has ${value.length} entries, more than ${MAX_DESCRIPTORS}`);
  if (value.length === 0) return undefined;
  return value.map((item, i) => optionalString(item, `${at}[${i}]`, fail) ?? "");
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function decodeAnnotations(
  value: Json | undefined,
  at: string,
  fail: Fail,
): Readonly<Record<string, string>> | undefined {
  if (value === undefined || value === null) return undefined;
  if (!(value instanceof Map)) return fail(`${at} is not an object`);
  if (value.size === 0) return undefined;
  // Without a prototype, so that `__proto__` is a key like any other.
  const annotations: Record<string, string> = Object.create(null);
  for (const [key, text] of value as JsonObject)
    annotations[key] = optionalString(text, `${at}[${JSON.stringify(key)}]`, fail) ?? "";
  return annotations;
}

function decodeDescriptors(value: Json | undefined, at: string, fail: Fail): readonly Descriptor[] {
  if (!isList(value)) return fail(`${at} is not a list`);
  if (value.length > MAX_DESCRIPTORS) return fail(`${at} has ${value.length} entries, more than ${MAX_DESCRIPTORS}`);
  return value.map((item, i) => decodeDescriptor(item, `${at}[${i}]`, fail));
}

function decodeDescriptor(value: Json | undefined, at: string, fail: Fail): Descriptor {
  const json = structOf(value, DESCRIPTOR_MEMBERS, at, fail);
  const digest = json.get("digest");
  if (typeof digest !== "string" || !isDigest(digest))
    return fail(`${at}.digest ${JSON.stringify(digest ?? null).slice(0, 150)} is not a digest`);
  const size = json.get("size");
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    return fail(`${at}.size is not a size in bytes`);
  const platform = json.get("platform");
  return {
    mediaType: optionalString(json.get("mediaType"), `${at}.mediaType`, fail) ?? "",
    digest,
    size,
    ...optional("urls", optionalStrings(json.get("urls"), `${at}.urls`, fail)),
    ...optional("annotations", decodeAnnotations(json.get("annotations"), `${at}.annotations`, fail)),
    ...optional("data", optionalString(json.get("data"), `${at}.data`, fail)),
    ...(platform == null ? {} : { platform: decodePlatform(platform, `${at}.platform`, fail) }),
    ...optional("artifactType", optionalString(json.get("artifactType"), `${at}.artifactType`, fail)),
  };
}

function decodePlatform(value: Json, at: string, fail: Fail): Platform {
  return platformOf(structOf(value, PLATFORM_MEMBERS, at, fail), at, fail);
}

function platformOf(json: JsonObject, at: string, fail: Fail): Platform {
  const text = (key: string): string | undefined => optionalString(json.get(key), `${at}.${key}`, fail);
  return {
    architecture: text("architecture") ?? "",
    os: text("os") ?? "",
    ...optional("os.version", text("os.version")),
    ...optional("os.features", optionalStrings(json.get("os.features"), `${at}.os.features`, fail)),
    ...optional("variant", text("variant")),
  };
}
