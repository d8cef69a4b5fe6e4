import type { Descriptor } from "./descriptor.ts";
import type { ImageIndex, ImageManifest } from "./manifest.ts";
import type { Platform } from "./platform.ts";
import { wellFormed } from "./utf8.ts";

/**
 * A value that {@linkcode encodeGoJson} writes. Members that are `undefined` are left out. A `Map` is an object too, one
 * whose order holds whatever its keys are: in a plain object, keys like "10" come first.
 */
export type GoJson =
  | null
  | boolean
  | number
  | string
  | readonly GoJson[]
  | ReadonlyMap<string, GoJson>
  | { readonly [key: string]: GoJson | undefined };

/**
 * JSON as Go's `encoding/json` writes it (spec section 8.1): compact; members in the order given; `<`, `>` and `&`, U+2028
 * and U+2029 escaped; lone surrogates as U+FFFD; control characters as `\b \f \n \r \t` or `\u00XX`; no newline at the end.
 *
 * @throws {TypeError} for a number that is not a safe integer: the formats written here hold no other.
 */
export function encodeGoJson(value: GoJson): Uint8Array {
  return new TextEncoder().encode(textOf(value));
}

/** An image manifest as Go writes the OCI struct: schemaVersion, mediaType, artifactType, config, layers, subject, annotations. */
export function encodeManifest(manifest: ImageManifest): Uint8Array {
  return encodeGoJson({
    schemaVersion: manifest.schemaVersion,
    mediaType: nonEmpty(manifest.mediaType),
    artifactType: nonEmpty(manifest.artifactType),
    config: descriptorJson(manifest.config),
    layers: manifest.layers.map(descriptorJson),
    subject: manifest.subject && descriptorJson(manifest.subject),
    annotations: sortedMap(manifest.annotations),
  });
}

/** An image index as Go writes the OCI struct: schemaVersion, mediaType, artifactType, manifests, subject, annotations. */
export function encodeIndex(index: ImageIndex): Uint8Array {
  return encodeGoJson({
    schemaVersion: index.schemaVersion,
    mediaType: nonEmpty(index.mediaType),
    artifactType: nonEmpty(index.artifactType),
    manifests: index.manifests.map(descriptorJson),
    subject: index.subject && descriptorJson(index.subject),
    annotations: sortedMap(index.annotations),
  });
}

function descriptorJson(descriptor: Descriptor): GoJson {
  return {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    urls: descriptor.urls && descriptor.urls.length > 0 ? descriptor.urls : undefined,
    annotations: sortedMap(descriptor.annotations),
    data: nonEmpty(descriptor.data),
    platform: descriptor.platform && platformJson(descriptor.platform),
    artifactType: nonEmpty(descriptor.artifactType),
  };
}

function platformJson(platform: Platform): GoJson {
  const features = platform["os.features"];
  return {
    architecture: platform.architecture,
    os: platform.os,
    "os.version": nonEmpty(platform["os.version"]),
    "os.features": features && features.length > 0 ? features : undefined,
    variant: nonEmpty(platform.variant),
  };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

/** A map's members in ascending order of their UTF-8 bytes, as Go sorts them; `undefined` where there are none. */
function sortedMap(map: Readonly<Record<string, string>> | undefined): ReadonlyMap<string, string> | undefined {
  const entries = Object.entries(map ?? {});
  if (entries.length === 0) return undefined;
  return new Map(entries.sort(([a], [b]) => compareCodePoints(a, b)));
}

/** The order of UTF-8 bytes is that of code points; UTF-16 code units, which `<` compares, differ above U+FFFF. */
function compareCodePoints(a: string, b: string): number {
  const x = [...a];
  const y = [...b];
  for (let i = 0; i < x.length && i < y.length; i++) {
    const difference = x[i]!.codePointAt(0)! - y[i]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return x.length - y.length;
}

function textOf(value: GoJson): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new TypeError(`Cannot encode JSON: ${value} is not a safe integer`);
    return String(value);
  }
  if (typeof value === "string") return quoted(value);
  if (isList(value)) return `[${value.map(textOf).join(",")}]`;
  const members: string[] = [];
  for (const [key, member] of value instanceof Map ? (value as ReadonlyMap<string, GoJson>) : Object.entries(value)) {
    if (member !== undefined) members.push(`${quoted(key)}:${textOf(member)}`);
  }
  return `{${members.join(",")}}`;
}

function isList(value: GoJson): value is readonly GoJson[] {
  return Array.isArray(value);
}

function quoted(value: string): string {
  return JSON.stringify(wellFormed(value)).replaceAll(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
