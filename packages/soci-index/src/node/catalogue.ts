import { isDigest, type Digest, type Platform } from "@socikit/oci";
import { SociIndexError } from "../errors.ts";

/** What a catalogue says of every artifact. */
export interface CataloguedBlob {
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  /** When it was made, as ISO 8601 has it in UTC; absent where that is not known. */
  readonly created?: string;
}

/** A SOCI index in a store. */
export interface CataloguedIndex extends CataloguedBlob {
  readonly version: "v1" | "v2";
  /** The image manifest that it is of; absent of a v2 index whose image is not known. */
  readonly manifest?: Digest;
  /** What the names name: that manifest, or the image index that it is in. */
  readonly image?: Digest;
  /** What the image was called when it was indexed, and has not been called by another image since. */
  readonly names: readonly string[];
  /** The image's platform, where it is known. */
  readonly platform?: Platform;
}

/** A zTOC in a store. */
export interface CataloguedZtoc extends CataloguedBlob {
  /** The layer that it is of. */
  readonly layer: Digest;
  /** Uncompressed bytes a span that it was built with; absent where the index does not say. */
  readonly spanSize?: number;
}

/** A prefetch artifact in a store. */
export interface CataloguedPrefetch extends CataloguedBlob {
  /** The layer that it is of. Layers may share an artifact. */
  readonly layer: Digest;
}

/** Which artifacts a store holds, and what they belong to: what can be found out from the blobs, and what cannot. */
export interface Catalogue {
  readonly indexes: readonly CataloguedIndex[];
  readonly ztocs: readonly CataloguedZtoc[];
  readonly prefetch: readonly CataloguedPrefetch[];
}

/** Largest catalogue that is read, in bytes: some 100,000 artifacts. */
export const MAX_CATALOGUE_SIZE: number = 32 * 1024 * 1024;
/** Most names of one index. */
const MAX_NAMES = 1000;
const VERSION = 1;

/** A catalogue of nothing. */
export const EMPTY_CATALOGUE: Catalogue = { indexes: [], ztocs: [], prefetch: [] };

/** Encodes a catalogue as JSON. */
export function encodeCatalogue({ indexes, ztocs, prefetch }: Catalogue): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ version: VERSION, indexes, ztocs, prefetch }, undefined, 1)}\n`);
}

/**
 * Decodes a catalogue, checking every field.
 *
 * @throws {SociIndexError} `ERR_SOCI_CATALOGUE_MALFORMED`; `ERR_SOCI_CATALOGUE_VERSION` for one of a version that is not
 * known, which is not to be written over.
 */
export function decodeCatalogue(bytes: Uint8Array): Catalogue {
  if (bytes.length > MAX_CATALOGUE_SIZE) throw malformed(`it has more than ${MAX_CATALOGUE_SIZE} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw malformed("it is not JSON", cause);
  }
  const document = objectOf(json, "it");
  if (document["version"] !== VERSION) {
    if (!Number.isSafeInteger(document["version"])) throw malformed("version is not a number");
    throw new SociIndexError(
      "ERR_SOCI_CATALOGUE_VERSION",
      `Cannot read catalogue: it has version ${String(document["version"])}, and this program knows ${VERSION}`,
    );
  }
  return {
    indexes: listOf(document["indexes"], "indexes", decodeIndex),
    ztocs: listOf(document["ztocs"], "ztocs", decodeZtocEntry),
    prefetch: listOf(document["prefetch"], "prefetch", (entry, at) => ({
      ...decodeBlob(entry, at),
      layer: digestOf(entry["layer"], `${at}.layer`),
    })),
  };
}

type JsonObject = Readonly<Record<string, unknown>>;

function decodeIndex(entry: JsonObject, at: string): CataloguedIndex {
  const { version, manifest, image, platform } = entry;
  if (version !== "v1" && version !== "v2") throw malformed(`${at}.version is neither "v1" nor "v2"`);
  const names = entry["names"] ?? [];
  if (!Array.isArray(names) || names.length > MAX_NAMES || !names.every((name) => typeof name === "string"))
    throw malformed(`${at}.names is not a list of names`);
  return {
    ...decodeBlob(entry, at),
    version,
    ...(manifest === undefined ? {} : { manifest: digestOf(manifest, `${at}.manifest`) }),
    ...(image === undefined ? {} : { image: digestOf(image, `${at}.image`) }),
    names: names as readonly string[],
    ...(platform === undefined ? {} : { platform: decodePlatform(objectOf(platform, `${at}.platform`), at) }),
  };
}

function decodePlatform(json: JsonObject, at: string): Platform {
  const text = (key: string): string | undefined => {
    const value = json[key];
    if (value !== undefined && typeof value !== "string") throw malformed(`${at}.platform.${key} is not text`);
    return value;
  };
  const [os, architecture] = [text("os"), text("architecture")];
  if (os === undefined || architecture === undefined) throw malformed(`${at}.platform has no os or architecture`);
  const features = json["os.features"];
  if (features !== undefined && !(Array.isArray(features) && features.every((one) => typeof one === "string")))
    throw malformed(`${at}.platform.os.features is not a list of names`);
  const [osVersion, variant] = [text("os.version"), text("variant")];
  return {
    architecture,
    os,
    ...(osVersion === undefined ? {} : { "os.version": osVersion }),
    ...(features === undefined ? {} : { "os.features": features as readonly string[] }),
    ...(variant === undefined ? {} : { variant }),
  };
}

function decodeZtocEntry(entry: JsonObject, at: string): CataloguedZtoc {
  const { spanSize } = entry;
  return {
    ...decodeBlob(entry, at),
    layer: digestOf(entry["layer"], `${at}.layer`),
    ...(spanSize === undefined ? {} : { spanSize: countOf(spanSize, `${at}.spanSize`) }),
  };
}

function decodeBlob(entry: JsonObject, at: string): CataloguedBlob {
  const { created } = entry;
  if (created !== undefined && !isTime(created)) throw malformed(`${at}.created is not a time`);
  return {
    digest: digestOf(entry["digest"], `${at}.digest`),
    size: countOf(entry["size"], `${at}.size`),
    ...(created === undefined ? {} : { created: created as string }),
  };
}

/** As `Date.toISOString` writes it, so that times sort as texts. */
function isTime(value: unknown): boolean {
  return (
    typeof value === "string" &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) &&
    !Number.isNaN(Date.parse(value))
  );
}

function digestOf(value: unknown, at: string): Digest {
  if (typeof value !== "string" || !isDigest(value)) throw malformed(`${at} is not a digest`);
  return value;
}

function countOf(value: unknown, at: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw malformed(`${at} is not a number of bytes`);
  return value as number;
}

function objectOf(value: unknown, at: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(`${at} is not an object`);
  return value as JsonObject;
}

function listOf<T>(value: unknown, at: string, decode: (entry: JsonObject, at: string) => T): readonly T[] {
  if (!Array.isArray(value)) throw malformed(`${at} is not a list`);
  return value.map((entry, i) => decode(objectOf(entry, `${at}[${i}]`), `${at}[${i}]`));
}

function malformed(what: string, cause?: unknown): SociIndexError {
  return new SociIndexError("ERR_SOCI_CATALOGUE_MALFORMED", `Cannot read catalogue: ${what}`, { cause });
}
