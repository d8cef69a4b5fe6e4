import { printable } from "@socikit/oci";
import { decodeBase64 } from "./base64.ts";
import type { Credentials } from "./credentials.ts";
import { RegistryError } from "./errors.ts";

/** What is read of docker's `config.json`, or podman's `auth.json`. */
export interface DockerConfig {
  /** Credentials by key, as written: a host, a host with a path, or a URL. */
  readonly auths: ReadonlyMap<string, Credentials>;
  /** Credential helpers by registry (`credHelpers`). */
  readonly helpers: ReadonlyMap<string, string>;
  /** The credential helper of all others (`credsStore`). */
  readonly store: string | undefined;
}

/** Largest file read, in bytes. */
export const MAX_CONFIG_SIZE: number = 1024 * 1024;

/**
 * Reads the `auths` of a docker configuration. Entries without a secret are left out: docker writes them for hosts whose
 * secrets are with a credential helper, and helpers are not run.
 *
 * @param where Names the file in messages, which never show what is in it.
 * @throws {RegistryError} `ERR_REGISTRY_CREDENTIALS`.
 */
export function parseDockerConfig(text: string, where: string): DockerConfig {
  const fail = (what: string): never => {
    throw new RegistryError("ERR_REGISTRY_CREDENTIALS", `Cannot read credentials of ${where}: ${what}`);
  };
  if (text.length > MAX_CONFIG_SIZE) fail(`it is longer than ${MAX_CONFIG_SIZE} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // Without the cause, whose message quotes the text.
    return fail("it is not JSON");
  }
  if (!isObject(json)) return fail("it is not a JSON object");
  const auths = new Map<string, Credentials>();
  const { credsStore, credHelpers } = json;
  const store = typeof credsStore === "string" && credsStore !== "" ? credsStore : undefined;
  const helpers = new Map<string, string>();
  for (const [host, helper] of Object.entries(isObject(credHelpers) ? credHelpers : {}))
    if (typeof helper === "string" && helper !== "") helpers.set(host, helper);
  if (json["auths"] === undefined || json["auths"] === null) return { auths, helpers, store };
  if (!isObject(json["auths"])) return fail("its auths are not an object");
  for (const [key, entry] of Object.entries(json["auths"])) {
    if (!isObject(entry)) return fail(`its auths["${printable(key, 100)}"] is not an object`);
    const credentials = credentialsOf(entry, () =>
      fail(`its auths["${printable(key, 100)}"].auth is not base64 of user:password`),
    );
    if (credentials !== undefined) auths.set(key, credentials);
  }
  return { auths, helpers, store };
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function credentialsOf(entry: Json, fail: () => never): Credentials | undefined {
  const text = (key: string): string => (typeof entry[key] === "string" ? (entry[key] as string) : "");
  if (text("identitytoken") !== "") return { identityToken: text("identitytoken") };
  if (text("registrytoken") !== "") return { registryToken: text("registrytoken") };
  let username = text("username");
  let password = text("password");
  if (text("auth") !== "") {
    const decoded = decodeBase64(text("auth"));
    // A password may hold colons, a user name may not. Some tools write a NUL behind it.
    const colon = decoded?.indexOf(":") ?? -1;
    if (decoded === undefined || colon < 1) return fail();
    username = decoded.slice(0, colon);
    password = decoded.slice(colon + 1).replace(/\0+$/, "");
  }
  if (username === "" || password === "") return undefined;
  return username === "<token>" ? { identityToken: password } : { username, password };
}

const DOCKER_HUB_KEYS = [
  "https://index.docker.io/v1/",
  "https://index.docker.io/v1",
  "index.docker.io",
  "docker.io",
  "registry-1.docker.io",
];

/** Keys under which the credentials of a repository are looked for, the most particular first. */
export function credentialKeys(registryHost: string, repository: string): readonly string[] {
  const isHub = DOCKER_HUB_KEYS.includes(registryHost);
  const names: string[] = [];
  // podman's namespaces: host/a/b, host/a.
  for (let name = repository; name !== ""; name = name.slice(0, Math.max(0, name.lastIndexOf("/"))))
    names.push(`${registryHost}/${name}`);
  const hosts = isHub ? DOCKER_HUB_KEYS : [registryHost];
  return [...names, ...hosts, ...hosts.flatMap((host) => (host.includes("://") ? [] : urlsOf(host)))];
}

function urlsOf(host: string): readonly string[] {
  return ["https", "http"].flatMap((scheme) =>
    ["", "/", "/v1/", "/v2/", "/v1", "/v2"].map((path) => `${scheme}://${host}${path}`),
  );
}

/** The credentials that a configuration has for a repository. */
export function findCredentials(
  config: DockerConfig,
  registryHost: string,
  repository: string,
): Credentials | undefined {
  for (const key of credentialKeys(registryHost, repository)) {
    const credentials = config.auths.get(key);
    if (credentials !== undefined) return credentials;
  }
  return undefined;
}

/** The credential helper that a configuration names for a registry. */
export function findHelper(config: DockerConfig, registryHost: string): string | undefined {
  const hosts = DOCKER_HUB_KEYS.includes(registryHost) ? DOCKER_HUB_KEYS : [registryHost];
  return hosts.map((host) => config.helpers.get(host)).find((helper) => helper !== undefined) ?? config.store;
}
