import { isDigest, isTag, parseReference, OciError, type Digest, type Reference } from "@socikit/oci";
import { CliError } from "./errors.ts";

/** Where an image lives, as SRC and DST name it. */
export type Location =
  | { readonly kind: "registry"; readonly reference: Reference }
  | { readonly kind: "layout"; readonly directory: string; readonly tag?: string; readonly digest?: Digest }
  | { readonly kind: "archive"; readonly file: string; readonly tag?: string; readonly digest?: Digest };

/** Prefixes of a layout directory: ours, skopeo's, regctl's. The first is how we write it. */
const LAYOUT_PREFIXES = ["oci-layout:", "oci:", "ocidir:"];
/** Prefix of a layout in a tar file. */
const ARCHIVE_PREFIX = "oci-archive:";
/** Known to others, and not read here. */
const FOREIGN_PREFIXES = ["docker-archive:", "docker-daemon:", "containers-storage:", "dir:"];

/**
 * Parses `host/repo:tag`, `host/repo@digest`, `oci-layout:DIR[:tag][@digest]` (also `oci:` and `ocidir://`),
 * `oci-archive:FILE[:tag][@digest]`.
 *
 * @throws {CliError} `ERR_CLI_LOCATION` with what to write instead; `ERR_CLI_LOCATION_NOT_YET` for places of other tools.
 */
export function parseLocation(text: string): Location {
  const location = parsePlace(text);
  if (location.kind === "registry" && !namesImage(location))
    throw locationError(text, "it has neither tag nor digest", `${text}:latest`);
  return location;
}

/**
 * Parses `host/repo`, `oci-layout:DIR`, `oci-archive:FILE`: a place of images, without the name of one.
 *
 * @throws {CliError} As `parseLocation`, and `ERR_CLI_LOCATION` where it names an image.
 */
export function parseRepository(text: string): Location {
  const location = parsePlace(text);
  if (namesImage(location)) throw locationError(text, "it names an image, not a repository", storeText(location));
  return location;
}

function namesImage(location: Location): boolean {
  const { tag, digest } = location.kind === "registry" ? location.reference : location;
  return tag !== undefined || digest !== undefined;
}

function parsePlace(text: string): Location {
  const lower = text.toLowerCase();
  const foreign = FOREIGN_PREFIXES.find((prefix) => lower.startsWith(prefix));
  if (foreign !== undefined)
    throw new CliError(
      "ERR_CLI_LOCATION_NOT_YET",
      `Cannot read ${JSON.stringify(text)}: ${foreign} is not supported yet`,
      { hint: `copy it into an archive first: skopeo copy ${text} oci-archive:FILE` },
    );
  if (lower.startsWith(ARCHIVE_PREFIX)) {
    const { path, ...names } = parsePath(text, text.slice(ARCHIVE_PREFIX.length), "oci-archive:FILE[:tag]");
    return { kind: "archive", file: path, ...names };
  }
  const layout = LAYOUT_PREFIXES.find((prefix) => lower.startsWith(prefix));
  if (layout !== undefined) {
    const rest = text.slice(layout.length).replace(/^\/\/(?=.)/, "");
    const { path, ...names } = parsePath(text, rest, "oci-layout:DIR[:tag]");
    return { kind: "layout", directory: path, ...names };
  }
  return parseRegistry(text);
}

/** A path with the tag and digest behind it. `form`: how such a location is written. */
function parsePath(
  text: string,
  rest: string,
  form: string,
): { readonly path: string; readonly tag?: string; readonly digest?: Digest } {
  const at = rest.lastIndexOf("@");
  const after = rest.slice(at + 1);
  let named = rest;
  let digest: Digest | undefined;
  // A path may have an @ in it; only what looks like a digest is one.
  if (at >= 0 && /^sha[0-9]+:/.test(after)) {
    if (!isDigest(after))
      throw locationError(text, `${JSON.stringify(after)} is not a digest`, form.replace("[:tag]", "@sha256:..."));
    digest = after;
    named = rest.slice(0, at);
  }
  const colon = named.lastIndexOf(":");
  // What follows the last colon is a tag unless it cannot be one, as in C:\images.
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  const path = tag !== undefined && isTag(tag) ? named.slice(0, colon) : named;
  if (path === "" || path.endsWith(":"))
    throw locationError(text, `it names no ${form.includes("DIR") ? "directory" : "file"}`, form);
  if (path === "-")
    throw locationError(
      text,
      "- is no path here",
      form.includes("FILE") ? "oci-archive:/dev/stdout, or oci-archive:./- for a file of that name" : "oci-layout:./-",
    );
  return {
    path,
    ...(tag !== undefined && isTag(tag) ? { tag } : {}),
    ...(digest === undefined ? {} : { digest }),
  };
}

function parseRegistry(text: string): Location {
  if (/^(?:\.{0,2}[/\\]|~[/\\]|\.{1,2}$|[a-zA-Z]:\\)/.test(text))
    throw locationError(text, "it is a path", `${text.endsWith(".tar") ? ARCHIVE_PREFIX : "oci-layout:"}${text}`);
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
      hint: short
        ? `write the registry too: ${hub}`
        : "host/repo:tag, host/repo@digest, oci-layout:DIR[:tag] or oci-archive:FILE[:tag]",
    });
  }
  return { kind: "registry", reference };
}

function locationError(text: string, what: string, instead: string): CliError {
  return new CliError("ERR_CLI_LOCATION", `Cannot read ${JSON.stringify(text)}: ${what}`, {
    hint: `did you mean: ${instead}`,
  });
}

/** Whether two locations are in the same repository, layout or archive, so that blobs of one are blobs of the other. */
export function isSameStore(a: Location, b: Location): boolean {
  return a.kind === b.kind && storeText(a) === storeText(b);
}

/** Inverse of {@linkcode parseLocation}. */
export function formatLocation(location: Location): string {
  const { tag, digest } = location.kind === "registry" ? location.reference : location;
  return `${storeText(location)}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** The location without what names an image in it. */
function storeText(location: Location): string {
  switch (location.kind) {
    case "registry":
      return `${location.reference.registry}/${location.reference.repository}`;
    case "layout":
      return `oci-layout:${location.directory}`;
    case "archive":
      return `${ARCHIVE_PREFIX}${location.file}`;
  }
}
