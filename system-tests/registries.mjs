// The registries of the system tests, each on a free port of the loopback interface, its data below a folder of the test's own.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, startServer } from "./programs.mjs";

/**
 * Debian's docker-registry (distribution 2.8): without the referrers API, so indexes are found through the fallback tag.
 * @param {string} folder
 * @param {{ tokenServer?: { realm: string, service: string, issuer: string, certificate: string }, deletions?: boolean }} [options]
 */
export async function startDockerRegistry(folder, { tokenServer, deletions = true } = {}) {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  // JSON is YAML.
  const config = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: deletions } },
    http: { addr: `127.0.0.1:${port}` },
    ...(tokenServer === undefined
      ? {}
      : {
          auth: {
            token: {
              realm: tokenServer.realm,
              service: tokenServer.service,
              issuer: tokenServer.issuer,
              rootcertbundle: tokenServer.certificate,
            },
          },
        }),
  };
  const path = join(folder, `config-${port}.yml`);
  writeFileSync(path, JSON.stringify(config));
  const server = await startServer("docker-registry", ["serve", path], port);
  return { host: `127.0.0.1:${port}`, url: `http://127.0.0.1:${port}`, stop: () => server.stop() };
}

/** A registry with the referrers API: referrers-registry/main.go. */
export async function startReferrersRegistry(folder) {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const server = await startServer("referrers-registry", [`127.0.0.1:${port}`, folder], port);
  return { host: `127.0.0.1:${port}`, url: `http://127.0.0.1:${port}`, stop: () => server.stop() };
}

/** The tags of a repository, or an empty list where it has none. */
export async function tagsOf(url, repository) {
  const response = await fetch(`${url}/v2/${repository}/tags/list`);
  if (!response.ok) return [];
  return (await response.json()).tags ?? [];
}

/** A manifest as bytes, parsed, and its digest; `undefined` where it is not there. */
export async function manifestOf(url, repository, tagOrDigest) {
  const accept = ["application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"].join(", ");
  const response = await fetch(`${url}/v2/${repository}/manifests/${tagOrDigest}`, { headers: { accept } });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${response.status} for ${response.url}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  return { bytes, json: JSON.parse(bytes.toString()), digest: response.headers.get("docker-content-digest") };
}
