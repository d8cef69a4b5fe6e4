/** Artifact type of a v1 index: the media type of its config, and the artifactType that registries list it under. */
export const SOCI_INDEX_V1 = "application/vnd.amazon.soci.index.v1+json";
/** Artifact type of a v2 index. */
export const SOCI_INDEX_V2 = "application/vnd.amazon.soci.index.v2+json";
/** A zTOC in a SOCI index. */
export const SOCI_ZTOC = "application/octet-stream";
/** A prefetch artifact in a SOCI index. */
export const SOCI_PREFETCH = "application/vnd.amazon.soci.prefetch.v1+json";
