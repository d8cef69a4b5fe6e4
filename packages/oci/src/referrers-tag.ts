import { algorithmOf, hexOf, isDigest, type Digest } from "./digest.ts";

/**
 * The tag that lists a manifest's referrers where a registry has no API for them: `sha256-` and the hex digits. Of SHA-512 the
 * first 64 digits alone.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
 */
export function referrersTag(subject: Digest): string {
  return `${algorithmOf(subject).slice(0, 32)}-${hexOf(subject).slice(0, 64)}`;
}

/**
 * The manifest whose referrers a tag lists, going by its name: `undefined` for every other tag, and "unknown" where the name has
 * not the whole digest. Anyone may tag anything so: only the content tells whether it is such a list.
 */
export function subjectOfTag(tag: string): Digest | "unknown" | undefined {
  const parts = /^(sha256|sha512)-([0-9a-f]{64})$/.exec(tag);
  if (parts === null) return undefined;
  const digest = `${parts[1]}:${parts[2]}`;
  return isDigest(digest) ? digest : "unknown";
}
