// Looks whether what a registry or layout holds is whole, without our own code: every digest is computed, every descriptor followed.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { tagsOf } from "./registries.mjs";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";

/**
 * What is wrong with a layout directory, in words: entries of index.json that lead to something missing or damaged, files under a digest that is not
 * theirs.
 * @param {string} directory
 * @returns {string[]}
 */
export function layoutFaults(directory) {
  if (!existsSync(join(directory, "index.json"))) return [];
  const faults = [];
  for (const algorithm of readdirSync(join(directory, "blobs"), { withFileTypes: true })) {
    if (!algorithm.isDirectory()) continue;
    for (const name of readdirSync(join(directory, "blobs", algorithm.name))) {
      if (!/^[0-9a-f]{64}$/.test(name)) {
        // umoci's gc fails of such files.
        faults.push(`${name} is among the blobs, and no digest`);
        continue;
      }
      const found = hexOf(readFileSync(join(directory, "blobs", algorithm.name, name)));
      if (found !== name) faults.push(`blob ${name} has digest ${found}`);
    }
  }
  const read = (digest) => {
    const path = join(directory, "blobs", digest.replace(":", "/"));
    return existsSync(path) ? readFileSync(path) : undefined;
  };
  const { manifests } = JSON.parse(readFileSync(join(directory, "index.json"), "utf8"));
  for (const entry of manifests) faults.push(...missingBelow(entry, read));
  return faults;
}

function missingBelow(descriptor, read) {
  const bytes = read(descriptor.digest);
  if (bytes === undefined) return [`${descriptor.digest} is missing`];
  if (bytes.length !== descriptor.size) return [`${descriptor.digest} has another size`];
  if (descriptor.mediaType !== MANIFEST && descriptor.mediaType !== INDEX) return [];
  const { manifests = [], config, layers = [], subject } = JSON.parse(bytes.toString());
  const links = [...manifests, ...layers, ...(config ? [config] : []), ...(subject ? [subject] : [])];
  return links.flatMap((link) => missingBelow(link, read));
}

/**
 * What is wrong with a repository: tags, the fallback tag's list and referrers among them, that lead to something missing.
 * @param {string} url  of the registry
 * @param {string} repository
 * @returns {Promise<string[]>}
 */
export async function repositoryFaults(url, repository) {
  const seen = new Map();
  const missing = async (descriptor) => {
    if (seen.has(descriptor.digest)) return [];
    seen.set(descriptor.digest, true);
    const isManifest = descriptor.mediaType === MANIFEST || descriptor.mediaType === INDEX;
    if (!isManifest) {
      const answer = await fetch(`${url}/v2/${repository}/blobs/${descriptor.digest}`, { method: "HEAD" });
      const size = Number(answer.headers.get("content-length"));
      return answer.ok && size === descriptor.size ? [] : [`blob ${descriptor.digest} is missing (${answer.status})`];
    }
    const bytes = await manifestBytes(url, repository, descriptor.digest);
    if (bytes === undefined) return [`manifest ${descriptor.digest} is missing`];
    return below(bytes, descriptor.digest);
  };
  const below = async (bytes, digest) => {
    if (digest !== undefined && `sha256:${hexOf(bytes)}` !== digest) return [`manifest ${digest} is damaged`];
    const { manifests = [], config, layers = [], subject } = JSON.parse(bytes.toString());
    const faults = [];
    for (const link of [...manifests, ...layers, ...(config ? [config] : []), ...(subject ? [subject] : [])])
      faults.push(...(await missing(link)));
    const own = `sha256:${hexOf(bytes)}`;
    for (const referrer of await referrersOf(url, repository, own)) faults.push(...(await missing(referrer)));
    return faults;
  };
  const faults = [];
  for (const tag of await tagsOf(url, repository)) {
    const bytes = await manifestBytes(url, repository, tag);
    if (bytes === undefined) faults.push(`tag ${tag} names nothing`);
    else faults.push(...(await below(bytes)));
  }
  return faults;
}

async function manifestBytes(url, repository, tagOrDigest) {
  const headers = { accept: `${MANIFEST}, ${INDEX}` };
  const answer = await fetch(`${url}/v2/${repository}/manifests/${tagOrDigest}`, { headers });
  return answer.ok ? Buffer.from(await answer.arrayBuffer()) : undefined;
}

async function referrersOf(url, repository, digest) {
  const answer = await fetch(`${url}/v2/${repository}/referrers/${digest}`);
  return answer.ok ? ((await answer.json()).manifests ?? []) : [];
}

function hexOf(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}
