import type { Descriptor } from "./descriptor.ts";
import { isDigest } from "./digest.ts";
import { OciError } from "./errors.ts";
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

/** Largest manifest, index or config accepted, in bytes (reliability.md section 1; what oras-go takes). */
export const MAX_MANIFEST_SIZE: number = 4 * 1024 * 1024;
/** Most layers of a manifest or children of an index. */
const MAX_DESCRIPTORS = 10_000;

/** Tells the two apart. */
export function isImageIndex(manifest: ImageManifest | ImageIndex): manifest is ImageIndex {
  return "manifests" in manifest;
}

/**
 * Decodes a manifest or index of either kind, checking every field that is read later.
 *
 * A document that is both (with `manifests` and `layers` or `config`) is refused: tools that disagree about which it is
 * would see different images (CVE-2021-41190).
 *
 * @param mediaType What the transport or descriptor says; must agree with the document where both say something.
 * @throws {OciError} `ERR_OCI_INVALID_MANIFEST` for anything else, Docker schema 1 included; `ERR_OCI_TOO_LARGE`.
 */
export function decodeManifest(bytes: Uint8Array, mediaType?: string): ImageManifest | ImageIndex {
  const json = decodeJsonObject(bytes, "manifest", "ERR_OCI_INVALID_MANIFEST");
  const fail = failure("manifest", "ERR_OCI_INVALID_MANIFEST");
  if (json["fsLayers"] !== undefined)
    fail("it is Docker schema 1, which cannot be read: push the image again with a current tool");
  if (json["schemaVersion"] !== 2) fail("schemaVersion is not 2");
  const own = optionalString(json["mediaType"], "mediaType", fail);
  if (own !== undefined && mediaType !== undefined && mediaType !== "" && own !== mediaType) {
    fail(`it says it is ${JSON.stringify(own)} but was announced as ${JSON.stringify(mediaType)}`);
  }
  const type = own ?? mediaType;
  const isIndex = json["manifests"] !== undefined && json["manifests"] !== null;
  if (isIndex && (json["layers"] !== undefined || json["config"] !== undefined))
    fail("it is both an image index and an image manifest");
  if (isIndex && (type === OCI_MANIFEST || type === DOCKER_MANIFEST))
    fail(`it is an index, but its media type is ${type}`);
  if (!isIndex && (type === OCI_INDEX || type === DOCKER_MANIFEST_LIST))
    fail(`it has no manifests, but its media type is ${type}`);
  const common = {
    schemaVersion: 2 as const,
    ...(own === undefined ? {} : { mediaType: own }),
    ...optional("artifactType", optionalString(json["artifactType"], "artifactType", fail)),
    ...optional("subject", json["subject"] == null ? undefined : decodeDescriptor(json["subject"], "subject", fail)),
    ...optional("annotations", decodeAnnotations(json["annotations"], "annotations", fail)),
  };
  if (isIndex) return { ...common, manifests: decodeDescriptors(json["manifests"], "manifests", fail) };
  if (json["config"] === undefined) fail("it has neither manifests nor config");
  return {
    ...common,
    config: decodeDescriptor(json["config"], "config", fail),
    layers: decodeDescriptors(json["layers"] ?? [], "layers", fail),
  };
}

/**
 * Decodes what is needed of an image config.
 *
 * @throws {OciError} `ERR_OCI_INVALID_CONFIG`, `ERR_OCI_TOO_LARGE`.
 */
export function decodeImageConfig(bytes: Uint8Array): ImageConfig {
  const json = decodeJsonObject(bytes, "image config", "ERR_OCI_INVALID_CONFIG");
  const fail = failure("image config", "ERR_OCI_INVALID_CONFIG");
  const rootfs = json["rootfs"];
  const diffIds = isObject(rootfs) ? (rootfs["diff_ids"] ?? []) : [];
  if (!Array.isArray(diffIds) || diffIds.some((id) => typeof id !== "string"))
    fail("rootfs.diff_ids is not a list of digests");
  const text = (key: string): string => optionalString(json[key], key, fail) ?? "";
  const features = json["os.features"];
  return {
    platform: {
      architecture: text("architecture"),
      os: text("os"),
      ...optional("os.version", text("os.version") || undefined),
      ...(Array.isArray(features) && features.every((f) => typeof f === "string")
        ? { "os.features": features as string[] }
        : {}),
      ...optional("variant", text("variant") || undefined),
    },
    diffIds: diffIds as string[],
  };
}

type Json = Readonly<Record<string, unknown>>;
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
): Json {
  if (bytes.length > MAX_MANIFEST_SIZE) {
    throw new OciError(
      "ERR_OCI_TOO_LARGE",
      `Cannot decode ${noun}: its ${bytes.length} bytes are more than ${MAX_MANIFEST_SIZE}`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new OciError(code, `Cannot decode ${noun}: it is not JSON`, { cause });
  }
  if (!isObject(json)) throw new OciError(code, `Cannot decode ${noun}: it is not a JSON object`);
  return json;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

function optionalString(value: unknown, at: string, fail: Fail): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") return fail(`${at} is not text`);
  return value;
}

function decodeAnnotations(value: unknown, at: string, fail: Fail): Readonly<Record<string, string>> | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) return fail(`${at} is not an object`);
  // Without a prototype, so that `__proto__` is a key like any other.
  const annotations: Record<string, string> = Object.create(null);
  for (const key of Object.keys(value))
    annotations[key] = optionalString(value[key], `${at}[${JSON.stringify(key)}]`, fail) ?? "";
  return annotations;
}

function decodeDescriptors(value: unknown, at: string, fail: Fail): readonly Descriptor[] {
  if (!Array.isArray(value)) return fail(`${at} is not a list`);
  if (value.length > MAX_DESCRIPTORS) return fail(`${at} has ${value.length} entries, more than ${MAX_DESCRIPTORS}`);
  return value.map((item, i) => decodeDescriptor(item, `${at}[${i}]`, fail));
}

function decodeDescriptor(value: unknown, at: string, fail: Fail): Descriptor {
  if (!isObject(value)) return fail(`${at} is not an object`);
  const digest = value["digest"];
  if (typeof digest !== "string" || !isDigest(digest))
    return fail(`${at}.digest ${JSON.stringify(digest)?.slice(0, 100)} is not a digest`);
  const size = value["size"];
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    return fail(`${at}.size is not a size in bytes`);
  const platform = value["platform"];
  const urls = value["urls"];
  return {
    mediaType: optionalString(value["mediaType"], `${at}.mediaType`, fail) ?? "",
    digest,
    size,
    ...(Array.isArray(urls) && urls.every((url) => typeof url === "string") ? { urls: urls as string[] } : {}),
    ...optional("annotations", decodeAnnotations(value["annotations"], `${at}.annotations`, fail)),
    ...optional("data", optionalString(value["data"], `${at}.data`, fail)),
    ...(platform == null ? {} : { platform: decodePlatform(platform, `${at}.platform`, fail) }),
    ...optional("artifactType", optionalString(value["artifactType"], `${at}.artifactType`, fail)),
  };
}

function decodePlatform(value: unknown, at: string, fail: Fail): Platform {
  if (!isObject(value)) return fail(`${at} is not an object`);
  const text = (key: string): string | undefined => optionalString(value[key], `${at}.${key}`, fail);
  const features = value["os.features"];
  return {
    architecture: text("architecture") ?? "",
    os: text("os") ?? "",
    ...optional("os.version", text("os.version") || undefined),
    ...(Array.isArray(features) && features.every((f) => typeof f === "string")
      ? { "os.features": features as string[] }
      : {}),
    ...optional("variant", text("variant") || undefined),
  };
}
