import { isDigest, type Digest } from "./digest.ts";
import { OciError } from "./errors.ts";

/** `host[:port]/name[:tag][@digest]`, parsed. The digest wins where both are given. */
export interface Reference {
  /** Host and port of the registry, as written. */
  readonly registry: string;
  /** Name of the repository. */
  readonly repository: string;
  /** Tag, where one was given. */
  readonly tag?: string;
  /** Digest, where one was given. */
  readonly digest?: Digest;
}

// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const HOST = new RegExp(`^(?:\\[[0-9a-fA-F:.]+\\]|${LABEL}(?:\\.${LABEL})*)(?::([0-9]{1,5}))?$`);
/** Longer than a host, a name, a tag and a SHA-512 digest together. */
const MAX_LENGTH = 1024;
/** Registries refuse longer `host/name` together. */
const MAX_NAME_LENGTH = 255;

/** Whether `name` is a repository name as the distribution spec has it. */
export function isRepositoryName(name: string): boolean {
  return name.length <= MAX_NAME_LENGTH && REPOSITORY.test(name);
}

/** Whether `tag` is a tag as the distribution spec has it. */
export function isTag(tag: string): boolean {
  return TAG.test(tag);
}

/**
 * Parses a full reference; there is no default registry.
 *
 * @throws {OciError} `ERR_OCI_INVALID_REFERENCE`, naming the part that is wrong.
 */
export function parseReference(text: string): Reference {
  const fail = (what: string): never => {
    throw new OciError(
      "ERR_OCI_INVALID_REFERENCE",
      `Cannot parse reference ${JSON.stringify(text.slice(0, 300))}: ${what}`,
    );
  };
  if (text.length > MAX_LENGTH) return fail(`its ${text.length} characters are more than ${MAX_LENGTH}`);
  const at = text.indexOf("@");
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) return fail("what follows @ is not a digest");
  const slash = named.indexOf("/");
  if (slash < 0) return fail("it needs a registry: host[:port]/name[:tag]");
  const registry = named.slice(0, slash);
  const host = HOST.exec(registry);
  if (host === null || Number(host[1] ?? 0) > 65535) return fail(`${JSON.stringify(registry)} is not a host`);
  if (!/[.:]/.test(registry) && registry !== "localhost")
    return fail(`it needs a registry: ${JSON.stringify(registry)} is not a host name`);
  const rest = named.slice(slash + 1);
  const colon = rest.indexOf(":");
  const repository = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  if (!isRepositoryName(repository))
    return fail(`${JSON.stringify(repository)} is not a repository name (lower-case letters, digits, . _ - and /)`);
  if (tag !== undefined && !isTag(tag)) return fail(`${JSON.stringify(tag)} is not a tag`);
  return { registry, repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** Inverse of {@linkcode parseReference}. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}
