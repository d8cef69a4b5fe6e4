import { OCI_CONFIG, OCI_MANIFEST, type Digest, type ImageManifest } from "@socikit/oci";
import { SOCI_INDEX_DIGEST } from "../annotations.ts";
import { encodeGoDocument } from "./go-document.ts";

/** A manifest as the reference writes it, whatever it was (spec section 10.4). */
export interface RewrittenManifest {
  readonly bytes: Uint8Array;
  /** Those of the manifest; its descriptor has the same. */
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

/**
 * Writes a manifest as the reference does: of OCI's type, its config of OCI's type, in Go's form, with the digest of its SOCI
 * index where it has one. Layers keep their types.
 */
export function rewriteManifest(
  manifest: ImageManifest,
  withoutLayers: boolean,
  index: Digest | undefined,
): RewrittenManifest {
  const all = { ...manifest.annotations, ...(index === undefined ? {} : { [SOCI_INDEX_DIGEST]: index }) };
  const annotations = Object.keys(all).length > 0 ? all : undefined;
  const bytes = encodeGoDocument({
    manifest: {
      ...manifest,
      mediaType: OCI_MANIFEST,
      config: { ...manifest.config, mediaType: OCI_CONFIG },
      ...(annotations === undefined ? {} : { annotations }),
    },
    withoutLayers,
  });
  return { bytes, annotations };
}
