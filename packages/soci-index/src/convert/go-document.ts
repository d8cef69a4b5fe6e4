import {
  decodeManifest,
  encodeIndex,
  encodeManifest,
  isImageIndex,
  isIndexType,
  isManifestType,
  OciError,
  type Descriptor,
  type ImageIndex,
  type ImageManifest,
} from "@socikit/oci";

/** A manifest or index that is to be written anew as Go writes it. */
export type GoDocument =
  | { readonly index: ImageIndex }
  | {
      readonly manifest: ImageManifest;
      /** Whether it has no list of layers at all, which Go writes as `null`. */
      readonly withoutLayers: boolean;
    };

/**
 * Decodes a manifest or index by its descriptor's media type, which has to agree about which of the two it is; where both
 * name another type of manifest, Docker's and OCI's, the reference does not mind.
 *
 * @throws {OciError} `ERR_OCI_INVALID_MANIFEST`, `ERR_OCI_TOO_LARGE`.
 */
export function decodeGoDocument(bytes: Uint8Array, mediaType: string): GoDocument {
  const document = decodeManifest(bytes);
  const isIndex = isImageIndex(document);
  if (isIndex ? isManifestType(mediaType) : isIndexType(mediaType))
    throw new OciError(
      "ERR_OCI_INVALID_MANIFEST",
      `Cannot decode manifest: expected ${isIndex ? "manifest but found index" : "index but found manifest"} (${document.mediaType ?? mediaType})`,
    );
  if (isIndex) return { index: { ...document, manifests: document.manifests.map(canonicalData) } };
  const manifest = {
    ...document,
    config: canonicalData(document.config),
    layers: document.layers.map(canonicalData),
    ...(document.subject === undefined ? {} : { subject: canonicalData(document.subject) }),
  };
  return { manifest, withoutLayers: document.layers.length === 0 && !hasLayers(bytes) };
}

function hasLayers(bytes: Uint8Array): boolean {
  const json = JSON.parse(new TextDecoder().decode(bytes)) as { readonly layers?: unknown };
  return Array.isArray(json.layers);
}

/** Go decodes `data`, and writes it anew: without line breaks, and without bits that say nothing. */
function canonicalData(descriptor: Descriptor): Descriptor {
  if (descriptor.data === undefined) return descriptor;
  const text = descriptor.data.replaceAll(/[\r\n]/g, "");
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text))
    throw new OciError(
      "ERR_OCI_INVALID_MANIFEST",
      `Cannot decode manifest: data of ${descriptor.digest} is not base64`,
    );
  return { ...descriptor, data: btoa(atob(text)) };
}

/** The document as Go writes it. */
export function encodeGoDocument(document: GoDocument): Uint8Array {
  if ("index" in document) return encodeIndex(document.index);
  const bytes = encodeManifest(document.manifest);
  if (!document.withoutLayers) return bytes;
  // Quotes are escaped in strings, so that this is found at its place alone.
  return new TextEncoder().encode(new TextDecoder().decode(bytes).replace('"layers":[]', '"layers":null'));
}
