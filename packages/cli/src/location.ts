import { isDigest, isTag, parseReference, OciError, type Digest, type Reference } from "@socikit/oci";
import { CliError } from "./errors.ts";

/** Where an image lives, as SRC and DST name it. */
export type Location =
  | { readonly kind: "registry"; readonly reference: Reference }
  | { readonly kind: "layout"; readonly directory: string; readonly tag?: string; readonly digest?: Digest };

/** Prefixes of a layout directory: ours, skopeo's, regctl's. The first is how we write it. */
const LAYOUT_PREFIXES = ["oci-layout:", "oci:", "ocidir:"];
/** Known to others, not readable yet. */
const ARCHIVE_PREFIXES = ["oci-archive:", "docker-archive:", "docker-daemon:", "containers-storage:", "dir:"];

/**
 * Parses `host/repo:tag`, `host/repo@digest`, `oci-layout:DIR[:tag][@digest]` (also `oci:` and `ocidir://`).
 *
 * @throws {CliError} `ERR_CLI_LOCATION` with what to write instead; `ERR_CLI_LOCATION_NOT_YET` for archives.
 */
export function parseLocation(text: string): Location {
  const lower = text.toLowerCase();
  const archive = ARCHIVE_PREFIXES.find((prefix) => lower.startsWith(prefix));
  if (archive !== undefined)
    throw new CliError(
      "ERR_CLI_LOCATION_NOT_YET",
      `Cannot read ${JSON.stringify(text)}: ${archive} is not supported yet`,
      { hint: "unpack it into a layout directory (skopeo copy, or tar for an oci-archive) and write oci-layout:DIR" },
    );
  const layout = LAYOUT_PREFIXES.find((prefix) => lower.startsWith(prefix));
  if (layout !== undefined) return parseLayout(text, text.slice(layout.length).replace(/^\/\/(?=.)/, ""));
  return parseRegistry(text);
}

function parseLayout(text: string, rest: string): Location {
  const at = rest.lastIndexOf("@");
  const after = rest.slice(at + 1);
  let named = rest;
  let digest: Digest | undefined;
  // A directory may have an @ in its name; only what looks like a digest is one.
  if (at >= 0 && /^sha[0-9]+:/.test(after)) {
    if (!isDigest(after))
      throw locationError(text, `${JSON.stringify(after)} is not a digest`, "oci-layout:DIR@sha256:...");
    digest = after;
    named = rest.slice(0, at);
  }
  const colon = named.lastIndexOf(":");
  // What follows the last colon is a tag unless it cannot be one, as in C:\images.
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  const directory = tag !== undefined && isTag(tag) ? named.slice(0, colon) : named;
  if (directory === "" || directory.endsWith(":"))
    throw locationError(text, "it names no directory", "oci-layout:DIR[:tag]");
  return {
    kind: "layout",
    directory,
    ...(tag !== undefined && isTag(tag) ? { tag } : {}),
    ...(digest === undefined ? {} : { digest }),
  };
}

function parseRegistry(text: string): Location {
  if (/^(?:\.{0,2}[/\\]|~[/\\]|\.{1,2}$|[a-zA-Z]:\\)/.test(text))
    throw locationError(text, "it is a path", `oci-layout:${text}`);
  const url = /^(?:https?|docker):\/\/(.+)$/i.exec(text);
  if (url !== null) throw locationError(text, "write the image without a scheme", url[1]!);
  let reference: Reference;
  try {
    reference = parseReference(text);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    // "rabbitmq:4" and "library/rabbitmq:4" are Docker Hub's short names.
    const short = /^[a-z0-9][a-z0-9._/-]*(?::[\w.-]+)?$/.test(text) && !/^[^/]*[.:][^/]*\//.test(text);
    const hub = text.includes("/") ? `docker.io/${text}` : `docker.io/library/${text}`;
    throw new CliError("ERR_CLI_LOCATION", error.message, {
      cause: error,
      hint: short ? `write the registry too: ${hub}` : "host/repo:tag, host/repo@digest or oci-layout:DIR[:tag]",
    });
  }
  if (reference.tag === undefined && reference.digest === undefined)
    throw locationError(text, "it has neither tag nor digest", `${text}:latest`);
  return { kind: "registry", reference };
}

function locationError(text: string, what: string, instead: string): CliError {
  return new CliError("ERR_CLI_LOCATION", `Cannot read ${JSON.stringify(text)}: ${what}`, {
    hint: `did you mean: ${instead}`,
  });
}

/** Whether two locations are in the same repository or layout, so that blobs of one are blobs of the other. */
export function isSameStore(a: Location, b: Location): boolean {
  if (a.kind === "registry" && b.kind === "registry")
    return a.reference.registry === b.reference.registry && a.reference.repository === b.reference.repository;
  return a.kind === "layout" && b.kind === "layout" && a.directory === b.directory;
}

/** Inverse of {@linkcode parseLocation}. */
export function formatLocation(location: Location): string {
  const { tag, digest } = location.kind === "registry" ? location.reference : location;
  const store =
    location.kind === "registry"
      ? `${location.reference.registry}/${location.reference.repository}`
      : `oci-layout:${location.directory}`;
  return `${store}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}
