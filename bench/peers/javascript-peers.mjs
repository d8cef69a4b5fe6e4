/** Peers in JavaScript: fflate, which the repository has, and pako, which it has not. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const PAKO = "3.0.3";

/** Installs pako into the directory, where {@linkcode loadPeers} finds it. */
export async function installPeers(directory) {
  const { versions } = await loadPeers(directory);
  if (versions.includes(`pako ${PAKO}`)) return;
  const folder = join(directory, "peers");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}\n");
  execFileSync(
    "npm",
    ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder, `pako@${PAKO}`],
    {
      stdio: "inherit",
    },
  );
}

/** @returns `{ fflate, pako, versions, notes }`: pako is undefined where it is not installed. */
export async function loadPeers(directory) {
  const fflate = await import("fflate");
  const own = createRequire(import.meta.url);
  const versions = [`fflate ${versionOf(own.resolve("fflate"), "fflate")}`];
  let pako;
  try {
    const path = createRequire(join(directory, "peers", "package.json")).resolve("pako");
    const module = await import(pathToFileURL(path).href);
    pako = module.ungzip === undefined ? module.default : module;
    versions.push(`pako ${versionOf(path, "pako")}`);
  } catch {
    return { fflate, versions, notes: ["without pako: it is not installed; --install-peers does"] };
  }
  return { fflate, pako, versions, notes: [] };
}

function versionOf(path, name) {
  const folder = path.slice(0, path.lastIndexOf(join("node_modules", name))) + join("node_modules", name);
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
}
