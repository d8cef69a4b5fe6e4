import {
  algorithmOf,
  digestOf,
  isDigest,
  isTag,
  MANIFEST_TYPES,
  MAX_MANIFEST_SIZE,
  OciError,
  printable,
  type Descriptor,
  type Digest,
  type FetchedManifest,
  type ReadOptions,
} from "@socikit/oci";
import type { ClientResponse, RegistryClient } from "./client.ts";
import { RegistryError, type RegistryErrorContext } from "./errors.ts";
import { readBody } from "./read-body.ts";
import { contentLengthOf, mediaTypeOf } from "./responses.ts";
import { repositoryScope } from "./scopes.ts";

const ACCEPT = MANIFEST_TYPES.join(", ");

/**
 * The descriptor that a tag or digest names: by HEAD, whose digest is a hint that fetching checks, or by GET where HEAD
 * does not tell or fails (its answer has no words to show).
 */
export async function resolveManifest(
  client: RegistryClient,
  name: string,
  options?: ReadOptions,
): Promise<Descriptor> {
  const wanted = checkName(name);
  const response = await client.send(
    {
      ...manifestRequest(client, name, "pull"),
      action: `resolve ${nameOf(client, name)}`,
      method: "HEAD",
      headers: { accept: ACCEPT },
      // A status that is not worth repeating is asked about again by GET.
      accept: ({ status }) => status === 200 || (status >= 400 && status < 500 && status !== 408 && status !== 429),
    },
    options,
  );
  await response.body?.cancel();
  const size = contentLengthOf(response.headers);
  const mediaType = mediaTypeOf(response.headers);
  const announced = response.headers.get("docker-content-digest") ?? wanted;
  if (
    response.status !== 200 ||
    size === undefined ||
    mediaType === undefined ||
    isWebPage(mediaType) ||
    announced === undefined ||
    !isDigest(announced)
  )
    return (await fetchManifest(client, name, options)).descriptor;
  if (wanted !== undefined && wanted !== announced && algorithmOf(wanted) === algorithmOf(announced))
    throw mismatch(client, name, announced);
  return { mediaType, digest: wanted ?? announced, size };
}

/** A manifest's bytes, checked against what was asked for, and its entity tag where the registry gives one. */
export async function fetchManifest(
  client: RegistryClient,
  target: string | Descriptor,
  options?: ReadOptions,
): Promise<FetchedManifest & { readonly etag: string | undefined }> {
  const name = typeof target === "string" ? target : target.digest;
  const wanted = checkName(name);
  const accept = typeof target === "string" || target.mediaType === "" ? ACCEPT : `${target.mediaType}, ${ACCEPT}`;
  const request = manifestRequest(client, name, "pull");
  const response = await client.send(
    { ...request, method: "GET", headers: { accept }, accept: ({ status }) => status === 200 },
    options,
  );
  if (isWebPage(mediaTypeOf(response.headers))) {
    await response.body?.cancel();
    throw new RegistryError(
      "ERR_REGISTRY_PROTOCOL",
      `Cannot fetch manifest ${nameOf(client, name)}: ${response.location.host} answers with a web page, not a manifest`,
      client.contextOf({ method: "GET" }, response),
    );
  }
  const bytes = await readManifest(response, nameOf(client, name), client.contextOf({ method: "GET" }, response));
  const digest = checkDigest(client, name, wanted, response, bytes);
  if (typeof target !== "string" && target.size !== bytes.length) {
    throw new OciError(
      "ERR_OCI_SIZE_MISMATCH",
      `Cannot fetch manifest ${nameOf(client, name)}: ${bytes.length} bytes came instead of ${target.size}`,
    );
  }
  const announced = mediaTypeOf(response.headers);
  const expected = typeof target === "string" ? undefined : target.mediaType || undefined;
  // Two kinds of manifest that mean different things must not be taken for each other (CVE-2021-41190).
  if (
    expected !== undefined &&
    announced !== undefined &&
    announced !== expected &&
    MANIFEST_TYPES.includes(announced)
  ) {
    throw new OciError(
      "ERR_OCI_INVALID_MANIFEST",
      `Cannot fetch manifest ${nameOf(client, name)}: it comes as ${announced}, not as ${printable(expected, 100)}`,
    );
  }
  const known = announced !== undefined && MANIFEST_TYPES.includes(announced) ? announced : undefined;
  const mediaType = known ?? expected ?? ownMediaType(bytes) ?? announced ?? "";
  const etag = response.headers.get("etag") ?? undefined;
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes, etag };
}

/** Stores a manifest under a tag or its digest; with `tag`, under its digest and, where the registry knows how, that tag. */
export async function putManifest(
  client: RegistryClient,
  name: string,
  bytes: Uint8Array,
  mediaType: string,
  options?: ReadOptions & {
    readonly headers?: Readonly<Record<string, string>>;
    readonly accept?: readonly number[];
    readonly tag?: string;
  },
): Promise<ClientResponse> {
  const request = manifestRequest(client, name, "pull", "push");
  const response = await client.send(
    {
      ...request,
      action: `push manifest ${nameOf(client, name)}`,
      target: "repository",
      method: "PUT",
      url: client.url(`manifests/${name}`, options?.tag === undefined ? {} : { tag: options.tag }),
      headers: { "content-type": mediaType, ...options?.headers },
      body: bytes,
      accept: ({ status }) => (status >= 200 && status < 300) || (options?.accept?.includes(status) ?? false),
    },
    options,
  );
  await response.body?.cancel();
  return response;
}

/** What every request for a manifest has. */
export function manifestRequest(
  client: RegistryClient,
  name: string,
  ...actions: readonly ("pull" | "push" | "delete")[]
): Pick<Parameters<RegistryClient["send"]>[0], "action" | "target" | "url" | "scopes"> {
  return {
    action: `fetch manifest ${nameOf(client, name)}`,
    target: "manifest",
    url: client.url(`manifests/${name}`),
    scopes: [repositoryScope(client.options.repository, ...actions)],
  };
}

/** `host/repository:tag` or `host/repository@digest`. */
export function nameOf(client: RegistryClient, name: string): string {
  return `${client.options.registryHost}/${client.options.repository}${isDigest(name) ? "@" : ":"}${name}`;
}

/** The digest, where the name is one. It becomes part of a URL, so it must be one of the two. */
function checkName(name: string): Digest | undefined {
  if (isDigest(name)) return name;
  if (!isTag(name)) throw new TypeError(`Cannot name manifest: ${JSON.stringify(name)} is neither a tag nor a digest`);
  return undefined;
}

function checkDigest(
  client: RegistryClient,
  name: string,
  wanted: Digest | undefined,
  response: ClientResponse,
  bytes: Uint8Array,
): Digest {
  if (wanted !== undefined) {
    const found = digestOf(bytes, algorithmOf(wanted));
    if (found !== wanted) throw mismatch(client, name, found);
    return found;
  }
  const header = response.headers.get("docker-content-digest");
  const announced = header !== null && isDigest(header) ? header : undefined;
  const found = digestOf(bytes, announced === undefined ? "sha256" : algorithmOf(announced));
  if (announced !== undefined && announced !== found) throw mismatch(client, name, found, announced);
  return found;
}

function mismatch(client: RegistryClient, name: string, found: string, announced?: Digest): OciError {
  return new OciError(
    "ERR_OCI_DIGEST_MISMATCH",
    `Cannot fetch manifest ${nameOf(client, name)}: what came has digest ${found}${announced === undefined ? "" : `, not ${announced} as the registry says`}`,
  );
}

/** Login pages and those of proxies come with status 200. */
function isWebPage(mediaType: string | undefined): boolean {
  return mediaType === "text/html" || mediaType === "application/xhtml+xml";
}

/** The body, whose fault it is where it is too long: not the registry's, and of this manifest alone. */
async function readManifest(
  response: ClientResponse,
  name: string,
  context: RegistryErrorContext,
): Promise<Uint8Array> {
  try {
    return await readBody(response.body, MAX_MANIFEST_SIZE, `manifest ${name}`, context);
  } catch (cause) {
    if (!(cause instanceof RegistryError) || cause.code !== "ERR_REGISTRY_TOO_LARGE") throw cause;
    throw new OciError("ERR_OCI_TOO_LARGE", cause.message, { cause });
  }
}

/** What a manifest says that it is, for registries that do not tell. */
function ownMediaType(bytes: Uint8Array): string | undefined {
  try {
    const { mediaType } = JSON.parse(new TextDecoder().decode(bytes)) as { mediaType?: unknown };
    return typeof mediaType === "string" ? mediaType : undefined;
  } catch {
    return undefined;
  }
}
