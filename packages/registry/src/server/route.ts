import { isDigest, isRepositoryName, isTag, type Digest } from "@socikit/oci";
import { DistributionError } from "./distribution-error.ts";

/**
 * What a path under `/v2/` names.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints
 */
export type Route =
  | { readonly kind: "base" }
  | { readonly kind: "catalog" }
  | {
      readonly kind: "manifest";
      readonly name: string;
      readonly reference: { readonly tag: string } | { readonly digest: Digest };
    }
  | { readonly kind: "blob"; readonly name: string; readonly digest: Digest }
  | { readonly kind: "uploads"; readonly name: string }
  | { readonly kind: "upload"; readonly name: string; readonly id: string }
  | { readonly kind: "tags"; readonly name: string }
  | { readonly kind: "referrers"; readonly name: string; readonly digest: Digest };

/**
 * Reads a request's path. Everything in a route has been checked: names, tags and digests are well-formed.
 *
 * @returns `undefined` for a path that is none of a registry's.
 * @throws {DistributionError} 400 for one that is, with a malformed name, tag or digest in it.
 */
export function parseRoute(pathname: string): Route | undefined {
  if (pathname === "/v2" || pathname === "/v2/") return { kind: "base" };
  if (!pathname.startsWith("/v2/")) return undefined;
  let path: string;
  try {
    // Some clients escape the colon of a digest.
    path = decodeURIComponent(pathname.slice("/v2/".length));
  } catch (cause) {
    throw new DistributionError(400, "NAME_INVALID", "the path is not well-formed", { cause });
  }
  if (path === "_catalog") return { kind: "catalog" };
  // Names may hold "blobs" or "manifests" themselves: the last segments decide.
  const segments = path.split("/");
  const last = segments.pop() ?? "";
  const kind = segments.pop();
  if (kind === "manifests") return { kind: "manifest", name: nameOf(segments), reference: referenceOf(last) };
  if (kind === "referrers") return { kind: "referrers", name: nameOf(segments), digest: digestOf(last) };
  if (kind === "tags" && last === "list") return { kind: "tags", name: nameOf(segments) };
  if (kind === "blobs" && last === "uploads") return { kind: "uploads", name: nameOf(segments) };
  if (kind === "blobs") return { kind: "blob", name: nameOf(segments), digest: digestOf(last) };
  if (kind === "uploads" && segments.at(-1) === "blobs") {
    const name = nameOf(segments.slice(0, -1));
    return last === "" ? { kind: "uploads", name } : { kind: "upload", name, id: last };
  }
  return undefined;
}

function nameOf(segments: readonly string[]): string {
  const name = segments.join("/");
  if (!isRepositoryName(name))
    throw new DistributionError(400, "NAME_INVALID", `${quote(name)} is not a repository name`);
  return name;
}

function digestOf(text: string): Digest {
  if (!isDigest(text)) throw new DistributionError(400, "DIGEST_INVALID", `${quote(text)} is not a digest`);
  return text;
}

function referenceOf(text: string): { readonly tag: string } | { readonly digest: Digest } {
  if (text.includes(":")) return { digest: digestOf(text) };
  if (!isTag(text)) throw new DistributionError(400, "MANIFEST_INVALID", `${quote(text)} is not a tag`);
  return { tag: text };
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
