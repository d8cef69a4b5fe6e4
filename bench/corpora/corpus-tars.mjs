/**
 * The archives that the benchmarks read, before they are compressed:
 *
 *   debian         a root file system of Debian 12, its essential packages without manuals and translations, by mmdebstrap;
 *                  where that is not, programs, libraries and data of this machine's /usr
 *   node_modules   this repository's, without programs compiled for one machine
 *   mixed          files of node_modules, between them what is compressed already and what cannot be: stored blocks
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { firstEntries, tarEnd, tarEntry } from "./tar-archive.mjs";

const MB = 1e6;
const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const NODE_MODULES = join(REPOSITORY, "node_modules");
/** What images of Debian's slim flavour leave out. */
const LEFT_OUT = ["doc", "info", "locale", "man"];

/**
 * Each archive: `recipes`, the ways to make it, best first. A recipe's `id` says what it is made of, so that an archive
 * made of something else is made anew; `make(limit)` answers its bytes, `limit` at most, or throws.
 */
export const TARS = {
  debian: {
    limit: 120 * MB,
    recipes: [
      { id: "Debian 12, essential packages, by mmdebstrap", make: debianRootFileSystem },
      { id: "files of this machine's /usr", make: filesOfThisMachine },
    ],
  },
  node_modules: {
    limit: 80 * MB,
    recipes: [{ id: `node_modules of ${lockDigest()}`, make: nodeModules }],
  },
  mixed: {
    limit: 60 * MB,
    recipes: [{ id: `node_modules of ${lockDigest()}, gzip and noise`, make: mixed }],
  },
};

function debianRootFileSystem(limit) {
  const args = [
    "--quiet",
    "--variant=essential",
    "--format=tar",
    "--aptopt=Acquire::Retries 3",
    ...LEFT_OUT.map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
    "bookworm",
    "-",
  ];
  // The time of every file that the installation writes.
  const env = { ...process.env, SOURCE_DATE_EPOCH: "1700000000" };
  const { error, status, stdout, stderr } = spawnSync("mmdebstrap", args, { env, maxBuffer: 2 ** 30 });
  if (error !== undefined) throw new Error("mmdebstrap is not here");
  if (status !== 0) throw new Error(`mmdebstrap failed: ${stderr.toString().trim().split("\n").at(-1)}`);
  return firstEntries(stdout, limit);
}

function filesOfThisMachine(limit) {
  const share = { bin: 0.35, lib: 0.45, share: 0.2 };
  const parts = Object.entries(share).map(([folder, part]) =>
    Buffer.concat([...collect(filesBelow(join("/usr", folder), "/"), part * limit)]),
  );
  const tar = Buffer.concat([...parts, tarEnd()]);
  if (tar.length < limit / 4) throw new Error("/usr has not enough files");
  return tar;
}

function nodeModules(limit) {
  return Buffer.concat([...collect(filesBelow(NODE_MODULES, REPOSITORY), limit), tarEnd()]);
}

/** Of each 2.2 MB, 1.2 are files, 0.3 gzip of others, 0.7 noise. */
function mixed(limit) {
  const files = filesBelow(NODE_MODULES, REPOSITORY, -1);
  const noise = noiseMaker();
  const parts = [];
  for (let length = 0, unit = 0; ; unit++) {
    const group = [
      ...collect(files, 1.2 * MB),
      tarEntry(`packed/${unit}.tar.gz`, gzipSync(Buffer.concat([...collect(files, 1.2 * MB)]), { level: 9 })),
      tarEntry(`noise/${unit}.bin`, noise(0.7 * MB)),
    ];
    length += group.reduce((sum, part) => sum + part.length, 0);
    if (length > limit || group.length < 3) break;
    parts.push(...group);
  }
  if (parts.length === 0) throw new Error("node_modules has not enough files");
  return Buffer.concat([...parts, tarEnd()]);
}

/** Entries of the next files, up to `limit` bytes, one at least. The file that does not fit any more is left out. */
function* collect(files, limit) {
  for (let length = 0; ;) {
    const { value, done } = files.next();
    if (done) return;
    const entry = tarEntry(value.name, value.bytes);
    if (length > 0 && length + entry.length > limit) return;
    length += entry.length;
    yield entry;
  }
}

/** Regular files below a folder in the order of their names, or against it. */
function* filesBelow(folder, root, order = 1) {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return; // not readable, and not needed
  }
  entries.sort((a, b) => (a.name < b.name ? -order : order));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path, root, order);
    if (!entry.isFile()) continue;
    let bytes;
    try {
      bytes = readFileSync(path);
    } catch {
      continue;
    }
    // One file must not be a third of the whole.
    if (bytes.length > 8 * MB) continue;
    if (folder.startsWith(NODE_MODULES) && isProgram(bytes)) continue;
    yield { name: relative(root, path), bytes };
  }
}

/** ELF, Mach-O or PE. */
function isProgram(bytes) {
  const magic = bytes.toString("latin1", 0, 4);
  return magic === "\x7fELF" || magic === "\xcf\xfa\xed\xfe" || magic.startsWith("MZ");
}

/** Bytes without any order, always the same: SHA-256 of a counter. */
function noiseMaker() {
  let counter = 0;
  return (length) => {
    const parts = [];
    for (let made = 0; made < length; made += 32) parts.push(createHash("sha256").update(`${counter++}`).digest());
    return Buffer.concat(parts);
  };
}

function lockDigest() {
  return createHash("sha256")
    .update(readFileSync(join(REPOSITORY, "package-lock.json")))
    .digest("hex")
    .slice(0, 12);
}
