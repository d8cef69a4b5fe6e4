import { homedir } from "node:os";
import { join } from "node:path";
import { readRegularFile } from "@socikit/oci/node";
import type { CredentialProvider } from "../credentials.ts";
import {
  findCredentials,
  findHelper,
  MAX_CONFIG_SIZE,
  parseDockerConfig,
  type DockerConfig,
} from "../docker-config.ts";
import { RegistryError } from "../errors.ts";
import { unreadableFile } from "./layout-index.ts";

/** Where {@linkcode dockerCredentials} looks. */
export interface DockerCredentialsOptions {
  /** Environment. @default {process.env} */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** This file and no other. */
  readonly path?: string | undefined;
}

/**
 * Credentials that `docker login` and `podman login` left: the `auths` of `DOCKER_AUTH_CONFIG` (the JSON itself), then of
 * `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`, and where there is no such file, of `$REGISTRY_AUTH_FILE`,
 * `$XDG_RUNTIME_DIR/containers/auth.json` and `~/.config/containers/auth.json`. Credential helpers are not run.
 *
 * Files are read when a registry first asks, and once. Fails with `RegistryError` `ERR_REGISTRY_CREDENTIALS` where one
 * cannot be read.
 */
export function dockerCredentials(options: DockerCredentialsOptions = {}): CredentialProvider {
  const env = options.env ?? process.env;
  let loaded: Promise<readonly DockerConfig[]> | undefined;
  const first = async <T>(find: (config: DockerConfig) => T | undefined): Promise<T | undefined> => {
    loaded ??= load(env, options.path);
    for (const config of await loaded) {
      const found = find(config);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return Object.assign(
    (registryHost: string, repository: string) => first((config) => findCredentials(config, registryHost, repository)),
    { helperFor: (registryHost: string) => first((config) => findHelper(config, registryHost)) },
  );
}

async function load(
  env: Readonly<Record<string, string | undefined>>,
  path: string | undefined,
): Promise<readonly DockerConfig[]> {
  if (path !== undefined) {
    const config = await readConfig(path);
    if (config !== undefined) return [config];
    throw new RegistryError("ERR_REGISTRY_CREDENTIALS", `Cannot read credentials of ${path}: there is no such file`);
  }
  const configs: DockerConfig[] = [];
  const inline = env["DOCKER_AUTH_CONFIG"];
  if (inline !== undefined && inline !== "") configs.push(parseDockerConfig(inline, "DOCKER_AUTH_CONFIG"));
  const home = env["HOME"] || homedir();
  const docker = await readConfig(join(env["DOCKER_CONFIG"] || join(home, ".docker"), "config.json"));
  if (docker !== undefined) return [...configs, docker];
  const runtime = env["XDG_RUNTIME_DIR"];
  const places = [
    env["REGISTRY_AUTH_FILE"],
    runtime === undefined || runtime === "" ? undefined : join(runtime, "containers", "auth.json"),
    join(env["XDG_CONFIG_HOME"] || join(home, ".config"), "containers", "auth.json"),
  ];
  for (const place of places) {
    // The first that is there counts, as podman has it.
    const config = place === undefined || place === "" ? undefined : await readConfig(place);
    if (config !== undefined) return [...configs, config];
  }
  return configs;
}

/** A configuration; `undefined` where there is no such file. */
async function readConfig(path: string): Promise<DockerConfig | undefined> {
  try {
    return parseDockerConfig(new TextDecoder().decode(await readRegularFile(path, MAX_CONFIG_SIZE)), path);
  } catch (cause) {
    if (cause instanceof RegistryError) throw cause;
    const code = (cause as { code?: unknown }).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    const what = unreadableFile(cause, MAX_CONFIG_SIZE);
    throw new RegistryError(
      "ERR_REGISTRY_CREDENTIALS",
      `Cannot read credentials of ${path}: ${what === undefined ? String(code) : `it is ${what}`}`,
      { cause },
    );
  }
}
