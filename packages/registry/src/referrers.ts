import { OCI_INDEX, type Descriptor, type Digest, type ImageIndex } from "@socikit/oci";

/**
 * What is known of a registry's referrers API: nothing yet, that it is there, or that the tag scheme takes its place.
 * Asked once, then remembered as long as the repository is open.
 */
export type ReferrersCapability = "unknown" | "api" | "tag";

/** What a response to a referrers request says of the API. `undefined`: nothing, the response is an error. */
export function capabilityOf(response: {
  /** HTTP status. */
  readonly status: number;
  /** Media type without parameters. */
  readonly mediaType: string | undefined;
  /** Codes of the registry's errors. */
  readonly codes: readonly string[];
}): Exclude<ReferrersCapability, "unknown"> | undefined {
  const { status, mediaType, codes } = response;
  // Google's Artifact Registry redirects to a login page: 200 with HTML (spec section 14).
  if (status === 200) return mediaType === OCI_INDEX ? "api" : "tag";
  if (status === 404) return codes.includes("NAME_UNKNOWN") ? undefined : "tag";
  return status === 400 || status === 405 || status === 406 || status === 501 ? "tag" : undefined;
}

/** Whether the registry has applied `artifactType` itself. https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers */
export function isFiltered(field: string | null): boolean {
  return (field ?? "").split(",").some((name) => name.trim().toLowerCase() === "artifacttype");
}

/** The index that a referrers tag names, with `referrer` in it; the same object where it was listed already. */
export function mergeReferrer(index: ImageIndex | undefined, referrer: Descriptor): ImageIndex {
  if (index === undefined) return { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [referrer] };
  if (index.manifests.some(({ digest }) => digest === referrer.digest)) return index;
  const seen = new Set<Digest>();
  const manifests = [...index.manifests, referrer].filter(({ digest }) => !seen.has(digest) && seen.add(digest));
  return { ...index, mediaType: OCI_INDEX, manifests };
}

/** The index that a referrers tag names, without some manifests; the same object where none of them was listed. */
export function withoutReferrers(index: ImageIndex, gone: ReadonlySet<Digest>): ImageIndex {
  const manifests = index.manifests.filter(({ digest }) => !gone.has(digest));
  return manifests.length === index.manifests.length ? index : { ...index, manifests };
}
