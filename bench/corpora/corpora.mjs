/**
 * The layers that the benchmarks read: each archive of corpus-tars.mjs by each encoder of gzip-writers.mjs. They are
 * made once and kept, in $SOCIKIT_BENCH_CACHE, else ~/.cache/socikit-bench: `debian.tar`, `debian.gzip-6.tar.gz`, ...,
 * and `corpora.json`, which says what each of them is made of.
 *
 *   node bench/corpora/corpora.mjs [NAME...]   makes them, and lists them
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TARS } from "./corpus-tars.mjs";
import { findGzipWriter, GZIP_WRITERS } from "./gzip-writers.mjs";

/** Names of all corpora: `debian.gzip-6` and so on. */
export const CORPUS_NAMES = Object.keys(TARS).flatMap((tar) => GZIP_WRITERS.map((writer) => `${tar}.${writer}`));

export function cacheDirectory() {
  return (
    process.env.SOCIKIT_BENCH_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "socikit-bench")
  );
}

/** An archive, made if it is not there: `{ name, id, path, size, digest, instead? }`; `instead`: why it is not its best recipe. */
export function prepareTar(name, maxSize = Infinity) {
  return openCache(maxSize).tar(name);
}

/**
 * Corpora, made where they are not there.
 *
 * @param options `names`: which, all without it; a name of an archive stands for all of its corpora. `maxSize`: of an
 * archive, in bytes.
 * @returns `corpora`, each `{ name, path, tar, writer }`, where `tar` is as {@linkcode prepareTar} answers and `writer`
 * says what compressed it; and `notes`: what could not be made, or was made in another way, and why.
 */
export function prepareCorpora({ names = [], maxSize = Infinity } = {}) {
  const wanted = CORPUS_NAMES.filter(
    (name) => names.length === 0 || names.some((part) => name === part || name.startsWith(`${part}.`)),
  );
  const unknown = names.filter((part) => !CORPUS_NAMES.some((name) => name === part || name.startsWith(`${part}.`)));
  if (unknown.length > 0) throw new Error(`No corpus "${unknown[0]}"; there are ${CORPUS_NAMES.join(", ")}`);
  const cache = openCache(maxSize);
  const writers = new Map();
  const corpora = [];
  const notes = new Set();
  for (const name of wanted) {
    const [tarName, writerName] = name.split(".");
    if (!writers.has(writerName)) writers.set(writerName, findGzipWriter(writerName, cache.directory));
    const writer = writers.get(writerName);
    if (writer.missing !== undefined) {
      notes.add(`without ${tarName}.${writerName}: ${writer.missing}`);
      continue;
    }
    const tar = cache.tar(tarName);
    if (tar.instead !== undefined) notes.add(`${tarName} is of ${tar.id}: ${tar.instead}`);
    if (writer.id.startsWith("no ")) notes.add(`${writerName}: ${writer.id}`);
    corpora.push({ name, path: cache.compressed(name, tar, writer), tar, writer: writer.id });
  }
  return { corpora, notes: [...notes] };
}

function openCache(maxSize) {
  const isWhole = Object.values(TARS).every(({ limit }) => limit <= maxSize);
  const directory = isWhole ? cacheDirectory() : join(cacheDirectory(), `${maxSize / 1e6}mb`);
  mkdirSync(directory, { recursive: true });
  const manifest = join(directory, "corpora.json");
  const readMadeOf = () => (existsSync(manifest) ? JSON.parse(readFileSync(manifest, "utf8")) : {});
  /** Answers the path of a file made of `id`; `make(path)` makes it if it is not there, or of something else. */
  const keep = (file, id, make) => {
    const path = join(directory, file);
    if (readMadeOf()[file] === id && existsSync(path)) return path;
    process.stderr.write(`Making ${path}\n`);
    // Whoever reads it meanwhile sees the whole file or none.
    const unfinished = `${path}.${process.pid}`;
    make(unfinished);
    renameSync(unfinished, path);
    writeFileSync(unfinished, `${JSON.stringify({ ...readMadeOf(), [file]: id }, null, 2)}\n`);
    renameSync(unfinished, manifest);
    return path;
  };
  const tars = new Map();
  return {
    directory,
    tar(name) {
      if (!tars.has(name)) tars.set(name, firstThatWorks(name));
      return tars.get(name);
    },
    compressed: (name, tar, writer) =>
      keep(`${name}.tar.gz`, `${tar.digest} by ${writer.id}`, (path) => writer.write(tar.path, path)),
  };

  function firstThatWorks(name) {
    const { limit, recipes } = TARS[name];
    let instead;
    for (const { id, make } of recipes) {
      let path;
      try {
        path = keep(`${name}.tar`, id, (to) => writeFileSync(to, make(Math.min(limit, maxSize))));
      } catch (error) {
        instead = error.message;
        continue;
      }
      const bytes = readFileSync(path);
      const digest = createHash("sha256").update(bytes).digest("hex");
      return { name, id, instead, path, size: bytes.length, digest };
    }
    throw new Error(`Cannot make ${name}: ${instead}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { corpora, notes } = prepareCorpora({ names: process.argv.slice(2) });
  for (const { path, tar, writer } of corpora) console.log(`${path}\t${tar.size}\t${tar.id}, by ${writer}`);
  for (const note of notes) console.log(note);
}
