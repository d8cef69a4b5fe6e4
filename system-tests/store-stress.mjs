// The local store and archives, whatever happens: processes that are killed at any moment, a full disk, several writers.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createDigester, algorithmOf, isImageIndex, decodeManifest } from "@socikit/oci";
import { openLayoutArchive, openLayoutDirectory } from "@socikit/registry/node";
import { createLocalIndex, openLocalStore } from "@socikit/soci-index/node";
import { Random } from "../differential/random.mjs";
import { socikit } from "./socikit.mjs";
import { makeImages, SPAN_SIZE } from "./store-images.mjs";

const STORE_KILLS = 100;
const PLACE_KILLS = 40;
const IMAGES = 6;
const seed = Number(process.env.SOCIKIT_SEED ?? Date.now() % 2 ** 31);
const random = new Random(seed);
const worker = fileURLToPath(new URL("store-worker.mjs", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "socikit-store-"));
const images = join(work, "images");
let image;

before(async () => {
  console.log(`# seed ${seed}`);
  image = await makeImages(images, IMAGES);
});
after(() => rmSync(work, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));

const openStore = async (root) => openLocalStore(await openLayoutDirectory(root, { create: true }));
const create = (store, name) =>
  createLocalIndex(store, { image }, name, { name, spanSize: SPAN_SIZE, minLayerSize: 0 }).then(
    ({ indexes }) => indexes[0].index.digest,
  );

/** What an undisturbed store has in the end: indexes of all images, and the blobs. */
async function whole(root) {
  const store = await openStore(root);
  const indexes = [];
  for (let i = 0; i < IMAGES; i++) indexes.push(await create(store, String(i)));
  await store.collect();
  const blobs = [];
  for await (const { digest } of store.layout.blobs()) blobs.push(digest);
  return { indexes, blobs: blobs.sort() };
}

async function digestIn(reader, digest, size) {
  const source = await reader.open({ digest, size });
  const digester = createDigester(algorithmOf(digest));
  digester.update(await source.read(0, size));
  await source.close?.();
  return digester.digest();
}

/** Fails where anything in the store is not whole. Returns how many indexes it has. */
async function checkStore(root) {
  const store = await openStore(root);
  const there = new Map();
  for await (const { digest, size } of store.layout.blobs()) {
    assert.equal(await digestIn(store.layout, digest, size), digest, "a blob that is half-written");
    there.set(digest, size);
  }
  const catalogue = await store.catalogue();
  const listed = (await store.layout.entries()).map(({ digest }) => digest).sort();
  assert.deepEqual(catalogue.indexes.map(({ digest }) => digest).sort(), listed, "the catalogue and the layout differ");
  for (const { digest, names } of catalogue.indexes) {
    const { index } = await store.readIndex(digest);
    assert.ok(names.length <= 1);
    for (const blob of index.blobs) assert.equal(there.get(blob.digest), blob.size, "an index names what is not there");
  }
  return catalogue.indexes.length;
}

/** Runs a worker, and kills it `afterMs` after it has begun. */
async function killed(kind, root, afterMs) {
  const child = spawn(process.execPath, [worker, images, root, String(IMAGES), String(random.below(2 ** 31)), kind], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk) => (stderr += chunk));
  const ended = new Promise((done) => child.on("close", (code, signal) => done(signal ?? code)));
  await Promise.race([new Promise((done) => child.stdout.once("data", done)), ended]);
  await delay(afterMs);
  child.kill("SIGKILL");
  assert.equal(await ended, "SIGKILL", stderr);
}

test(`a store whose writers are killed at ${STORE_KILLS} moments is whole after each, and ends as an undisturbed one`, async () => {
  const root = join(work, "killed");
  const want = await whole(join(work, "undisturbed"));
  let most = 0;
  for (let i = 0; i < STORE_KILLS; i++) {
    await killed("store", root, random.below(250));
    most = Math.max(most, await checkStore(root));
  }
  assert.ok(most > 1, "nothing was ever in the store");
  assert.deepEqual(await whole(root), want);
  const rest = readdirSync(root, { recursive: true }).map((name) => basename(name));
  assert.deepEqual(
    // A lock of a process that died is moved aside, and may be left there if the next one is killed too: a later gc takes it.
    rest.filter((name) => name.startsWith(".") && name !== ".socikit-writers" && !name.includes(".lock.")),
    [],
    "something is left behind",
  );
  console.log(`# store: killed at ${STORE_KILLS} moments, up to ${most} indexes in it, whole each time`);
});

test(`an archive and a layout directory that are replaced are the old or the new one, at ${PLACE_KILLS} moments each`, async () => {
  const expected = await Promise.all(["0", "1"].map(async (tag) => (await image.resolve(tag)).digest));
  for (const kind of ["archive", "directory"]) {
    const target = join(work, kind, "target");
    mkdirSync(dirname(target), { recursive: true });
    const seen = new Set();
    for (let i = 0; i < PLACE_KILLS; i++) {
      await killed(kind, target, random.below(120));
      // Between the two renames of a directory its content is beside it; whoever comes next puts it back.
      const missing = !readdirSync(dirname(target)).includes("target");
      const aside = readdirSync(dirname(target)).filter((name) => name.startsWith(".target.before-"));
      if (missing && aside.length === 0 && seen.size === 0) continue;
      assert.ok(!missing || (kind === "directory" && aside.length > 0), "both are gone");
      const place = missing ? join(dirname(target), aside[0]) : target;
      const opened = kind === "archive" ? await openLayoutArchive(place) : await openLayoutDirectory(place);
      const { digest } = await opened.onlyImage();
      assert.ok(expected.includes(digest));
      const { bytes } = await opened.fetchManifest(digest);
      const manifest = decodeManifest(bytes);
      assert.ok(!isImageIndex(manifest));
      for (const blob of [manifest.config, ...manifest.layers])
        assert.equal(await digestIn(opened, blob.digest, blob.size), blob.digest);
      await opened.close?.();
      seen.add(digest);
    }
    assert.equal(seen.size, 2, "only one of the two was ever there");
  }
  console.log(`# archive, directory: killed at ${PLACE_KILLS} moments each, whole each time`);
});

test("several processes on one store lose nothing of each other's", async () => {
  const root = join(work, "shared");
  const args = (i) => ["create", `oci-layout:${images}:${i}`, "--local", "--root", root];
  const options = ["--min-layer-size", "0", "--span-size", String(SPAN_SIZE), "-q"];
  const collecting = (async () => {
    const codes = [];
    for (let i = 0; i < 6; i++) codes.push((await socikit(["gc", "--root", root, "-q"])).code);
    return codes;
  })();
  const made = await Promise.all(
    Array.from({ length: IMAGES }, async (_, i) => {
      const { code, stdout, stderr } = await socikit([...args(i), ...options]);
      assert.equal(code, 0, stderr);
      return stdout.toString().trim();
    }),
  );
  // Refused while others write, or done.
  for (const code of await collecting) assert.ok(code === 0 || code === 1);
  assert.equal(await checkStore(root), IMAGES);
  const list = await socikit(["index", "list", "--root", root, "-q"]);
  assert.deepEqual(list.stdout.toString().trim().split("\n").sort(), made.sort());
});

test("a full disk loses nothing, and a second run finishes", async (context) => {
  const disk = join(work, "disk");
  mkdirSync(disk);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], { stdio: "pipe" });
  } catch {
    context.skip("needs root, to mount a small disk");
    return;
  }
  try {
    const root = join(disk, "store");
    const filler = join(disk, "filler");
    const first = await create(await openStore(root), "0");
    let full = 0;
    for (let i = 0; i < 40; i++) {
      const { bavail, bsize } = statfsSync(disk);
      // Room for a part of what is to be written: from nothing to all of it.
      const room = random.below(600_000);
      writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - room), 1));
      const store = await openStore(root);
      const name = String(1 + (i % (IMAGES - 1)));
      const error = await create(store, name).then(
        () => undefined,
        (caught) => caught,
      );
      if (error !== undefined) {
        full++;
        assert.equal(error.code, "ENOSPC", error.stack);
      }
      await checkStore(root);
      assert.ok((await store.catalogue()).indexes.some(({ digest }) => digest === first));
      truncateSync(filler, 0);
      const made = await create(store, name);
      await checkStore(root);
      await store.removeIndex(made);
      await store.collect();
    }
    assert.ok(full > 10, "the disk was hardly ever full");
    // Not a block is left, and collecting makes room.
    const store = await openStore(root);
    await store.removeIndex(await create(store, "1"));
    const room = () => statfsSync(disk).bavail * statfsSync(disk).bsize;
    writeFileSync(filler, Buffer.alloc(room(), 1));
    assert.equal(room(), 0);
    const swept = await socikit(["gc", "--root", root, "-q"]);
    assert.equal(swept.code, 0, swept.stderr);
    assert.ok(room() > 100_000);
    await checkStore(root);
    truncateSync(filler, 0);
    // As a user sees it.
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - 100_000), 1));
    const args = [
      "create",
      `oci-layout:${images}:1`,
      "--local",
      "--root",
      root,
      "--min-layer-size",
      "0",
      "--span-size",
      "65536",
    ];
    const told = await socikit([...args, "-q"]);
    assert.equal(told.code, 1);
    assert.match(told.stderr, /no space left on device\n.*the disk is full\n$/);
    const archive = join(disk, "image.tar");
    writeFileSync(archive, "old");
    const copied = await socikit([
      "create",
      `oci-layout:${images}:1`,
      `oci-archive:${archive}`,
      "--min-layer-size",
      "0",
    ]);
    assert.equal(copied.code, 1);
    assert.match(copied.stderr, /no space left on device/);
    assert.deepEqual(readdirSync(disk).sort(), ["filler", "image.tar", "store"]);
    rmSync(filler);
    assert.equal((await socikit(args)).code, 0);
    console.log(`# full disk: ${full} of 40 runs met it, nothing was lost`);
  } finally {
    execFileSync("umount", [disk]);
  }
});
