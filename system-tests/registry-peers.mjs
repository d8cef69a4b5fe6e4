// Our registry server and our OCI layouts against clients that nobody here wrote: crane, skopeo, oras, umoci. Runs on the
// built packages. Binaries come from the PATH; `apt-get install skopeo umoci`, and
//   go install github.com/google/go-containerregistry/cmd/crane@v0.22.1 oras.land/oras/cmd/oras@v1.3.6
// Prints one line a check and ends with 1 when one fails; a missing binary is a failure.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { decodeManifest, digestOf, encodeIndex, encodeManifest, isImageIndex, readAll } from "@socikit/oci";
import { createMemoryStore } from "@socikit/registry";
import { openLayoutDirectory, openLayoutStore, serveRegistry } from "@socikit/registry/node";
import { createRegistryHandler } from "@socikit/registry/server";

const OCI = "application/vnd.oci.image";
const work = await mkdtemp(join(tmpdir(), "socikit-peers-"));
const run = async (command, ...args) => {
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd: work, maxBuffer: 1 << 26, timeout: 60_000 });
    return stdout.trim();
  } catch (error) {
    throw new Error(`${command} ${args.join(" ")}: ${error.stderr || error.message}`);
  }
};
let passed = 0;
const failures = [];
const check = async (what, body) => {
  try {
    await body();
    passed++;
    console.log(`ok   ${what}`);
  } catch (error) {
    failures.push(what);
    console.log(`FAIL ${what}\n     ${error.message.split("\n").slice(0, 12).join("\n     ")}`);
  }
};
const collect = async (iterable) => {
  const items = [];
  for await (const item of iterable) items.push(item);
  return items;
};

// An image of two layers for two platforms, with a referrer on the index and one on the first image.
await mkdir(join(work, "files/etc"), { recursive: true });
await writeFile(join(work, "files/etc/hello"), "hello\n");
await writeFile(join(work, "files/numbers"), Array.from({ length: 200_000 }, (_, i) => i).join("\n"));
await run("tar", "--sort=name", "--owner=0", "--group=0", "-cf", "one.tar", "-C", "files", "etc");
await run("tar", "--sort=name", "--owner=0", "--group=0", "-cf", "two.tar", "-C", "files", "numbers");
const tars = [await readFile(join(work, "one.tar")), await readFile(join(work, "two.tar"))];

const push = async (repository, bytes, mediaType) => {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  const upload = await repository.begin({ expect: descriptor });
  for (let at = 0; at < bytes.length; at += 65_536) await upload.write(bytes.subarray(at, at + 65_536));
  await upload.commit(descriptor.digest);
  return descriptor;
};
const json = (value) => new TextEncoder().encode(JSON.stringify(value));
const writeImage = async (repository) => {
  const layers = [];
  for (const tar of tars)
    layers.push(await push(repository, new Uint8Array(gzipSync(tar)), `${OCI}.layer.v1.tar+gzip`));
  const manifests = [];
  for (const architecture of ["amd64", "arm64"]) {
    const rootfs = { type: "layers", diff_ids: tars.map((tar) => digestOf(tar)) };
    const history = tars.map(() => ({ created: "2024-01-01T00:00:00Z", created_by: "socikit" }));
    const configBytes = json({ architecture, os: "linux", config: { Cmd: ["/bin/sh"] }, rootfs, history });
    const config = await push(repository, configBytes, `${OCI}.config.v1+json`);
    const bytes = encodeManifest({ schemaVersion: 2, mediaType: `${OCI}.manifest.v1+json`, config, layers });
    const manifest = await repository.pushManifest(bytes, `${OCI}.manifest.v1+json`);
    manifests.push({ ...manifest, platform: { architecture, os: "linux" } });
  }
  const index = encodeIndex({ schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests });
  const root = await repository.pushManifest(index, `${OCI}.index.v1+json`);
  const empty = await push(repository, json({}), "application/vnd.oci.empty.v1+json");
  for (const subject of [root, manifests[0]]) {
    const bytes = encodeManifest({
      schemaVersion: 2,
      mediaType: `${OCI}.manifest.v1+json`,
      artifactType: "application/vnd.example.note",
      config: empty,
      layers: [empty],
      subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
      annotations: { note: "kept" },
    });
    await repository.pushManifest(bytes, `${OCI}.manifest.v1+json`);
  }
  await repository.tag("v1", root);
  await repository.tag("amd64", manifests[0]);
  return { root, manifests };
};
/** Reads everything below a manifest, each blob verified. Gives the number of manifests and blobs. */
const readWhole = async (repository, target) => {
  const { descriptor, bytes } = await repository.fetchManifest(target);
  assert.equal(digestOf(bytes), descriptor.digest);
  const manifest = decodeManifest(bytes, descriptor.mediaType);
  let count = 1;
  if (isImageIndex(manifest))
    for (const child of manifest.manifests) count += await readWhole(repository, child.digest);
  else {
    for (const blob of [manifest.config, ...manifest.layers]) {
      assert.equal((await readAll(await repository.stream(blob), 1 << 26)).length, blob.size);
      count++;
    }
  }
  return count;
};

const faults = [];
const onError = (error) => faults.push(error);
const store = createMemoryStore();
const registry = await serveRegistry(createRegistryHandler(store, { onError }), { onError });
const host = registry.host;

const ours = await openLayoutDirectory(join(work, "ours"), { create: true });
const { root, manifests } = await writeImage(ours);
await writeImage(store.repository("ours"));

await check("our layout: umoci ls, unpack and gc", async () => {
  assert.deepEqual((await run("umoci", "ls", "--layout", "ours")).split("\n").sort(), ["amd64", "v1"]);
  await run("umoci", "unpack", "--rootless", "--image", "ours:amd64", "bundle");
  assert.equal(await readFile(join(work, "bundle/rootfs/etc/hello"), "utf8"), "hello\n");
  const before = (await run("find", "ours/blobs", "-type", "f")).split("\n").length;
  await run("umoci", "gc", "--layout", "ours");
  assert.equal((await run("find", "ours/blobs", "-type", "f")).split("\n").length, before);
});
await check("our layout: skopeo inspect and copy into the server", async () => {
  assert.equal(JSON.parse(await run("skopeo", "inspect", "oci:ours:amd64")).Architecture, "amd64");
  await run("skopeo", "copy", "--dest-tls-verify=false", "--all", "oci:ours:v1", `docker://${host}/by/skopeo:v1`);
  assert.equal(await readWhole(store.repository("by/skopeo"), "v1"), 9);
  assert.equal((await store.repository("by/skopeo").resolve("v1")).digest, root.digest);
});
await check("our layout: oras fetches, discovers its referrers, copies them into the server", async () => {
  assert.equal(await run("oras", "resolve", "--oci-layout", "ours:v1"), root.digest);
  const found = JSON.parse(await run("oras", "discover", "--oci-layout", "--format", "json", "ours:v1"));
  assert.deepEqual(
    (found.referrers ?? found.manifests).map((entry) => entry.artifactType),
    ["application/vnd.example.note"],
  );
  await run("oras", "cp", "-r", "--from-oci-layout", "--to-plain-http", "ours:v1", `${host}/by/oras:v1`);
  assert.equal(await readWhole(store.repository("by/oras"), "v1"), 9);
  assert.equal((await collect(store.repository("by/oras").referrers(root.digest))).length, 1);
});
await check("our layout: crane pushes it to the server", async () => {
  await run("crane", "push", "--index", "--insecure", "ours", `${host}/by/crane:all`);
  assert.ok((await readWhole(store.repository("by/crane"), "all")) >= 9);
});
await check("the server: crane ls, digest, catalog, validate, copy, tag, delete", async () => {
  assert.deepEqual((await run("crane", "ls", `${host}/ours`)).split("\n"), ["amd64", "v1"]);
  assert.equal(await run("crane", "digest", `${host}/ours:v1`), root.digest);
  assert.ok((await run("crane", "catalog", host)).split("\n").includes("ours"));
  await run("crane", "validate", "--remote", `${host}/ours:v1`);
  await run("crane", "copy", `${host}/ours:v1`, `${host}/copied:v1`);
  await run("crane", "tag", `${host}/copied:v1`, "second");
  await run("crane", "delete", `${host}/copied:second`);
  assert.deepEqual(await collect(store.repository("copied").tags()), ["v1"]);
  assert.equal(await readWhole(store.repository("copied"), "v1"), 9);
});
await check("the server: crane appends a layer and the image is pulled back", async () => {
  await run("crane", "append", "--insecure", "-f", "one.tar", "-t", `${host}/appended:v1`, "-b", `${host}/ours:amd64`);
  await run("crane", "export", `${host}/appended:v1`, "exported.tar");
  assert.match(await run("tar", "-tf", "exported.tar"), /numbers/);
});
await check("the server: oras discovers by the referrers API, attaches, and pulls", async () => {
  await run(
    "oras",
    "attach",
    "--plain-http",
    "--artifact-type",
    "application/vnd.example.other",
    `${host}/ours:v1`,
    "one.tar",
  );
  const found = JSON.parse(await run("oras", "discover", "--plain-http", "--format", "json", `${host}/ours:v1`));
  const types = (found.referrers ?? found.manifests).map((entry) => entry.artifactType).sort();
  assert.deepEqual(types, ["application/vnd.example.note", "application/vnd.example.other"]);
  assert.deepEqual(await collect(store.repository("ours").tags()), ["amd64", "v1"]);
});
await check("skopeo's layout is read", async () => {
  await run("skopeo", "copy", "--src-tls-verify=false", "--all", `docker://${host}/ours:v1`, "oci:skopeo:v1");
  const layout = await openLayoutDirectory(join(work, "skopeo"));
  assert.deepEqual(await collect(layout.tags()), ["v1"]);
  assert.equal((await layout.onlyImage()).digest, root.digest);
  assert.equal(await readWhole(layout, "v1"), 9);
});
await check("crane's layout is read", async () => {
  await run("crane", "pull", "--format=oci", "--annotate-ref", `${host}/ours:v1`, "crane");
  const layout = await openLayoutDirectory(join(work, "crane"));
  assert.equal((await layout.onlyImage()).digest, root.digest);
  assert.equal((await layout.resolve("v1")).digest, root.digest);
  assert.equal(await readWhole(layout, root.digest), 9);
});
await check("oras' layout is read, referrers included", async () => {
  await run("oras", "cp", "-r", "--from-plain-http", "--to-oci-layout", `${host}/ours:v1`, "oras:v1");
  const layout = await openLayoutDirectory(join(work, "oras"));
  assert.equal(await readWhole(layout, "v1"), 9);
  assert.equal((await layout.onlyImage()).digest, root.digest);
  assert.equal((await collect(layout.referrers(root.digest))).length, 2);
  assert.equal((await collect(layout.referrers(manifests[0].digest))).length, 1);
});
await check("umoci's layout is read, and written to beside it", async () => {
  await run("umoci", "init", "--layout", "umoci");
  await run("umoci", "new", "--image", "umoci:first");
  await run("umoci", "raw", "add-layer", "--image", "umoci:first", "one.tar");
  const layout = await openLayoutDirectory(join(work, "umoci"));
  assert.equal(await readWhole(layout, "first"), 3);
  await writeImage(layout);
  assert.deepEqual((await run("umoci", "ls", "--layout", "umoci")).split("\n").sort(), ["amd64", "first", "v1"]);
  await run("umoci", "tag", "--image", "umoci:first", "second");
  assert.deepEqual(await collect(layout.tags()), ["amd64", "first", "second", "v1"]);
  assert.equal((await collect(layout.referrers(root.digest))).length, 1);
});
await check("a folder of layouts is served: crane and skopeo pull, pushes are refused", async () => {
  const served = await serveRegistry(createRegistryHandler(await openLayoutStore(work), { onError }), { onError });
  try {
    assert.deepEqual((await run("crane", "catalog", served.host)).split("\n"), [
      "crane",
      "oras",
      "ours",
      "skopeo",
      "umoci",
    ]);
    await run("crane", "validate", "--remote", `${served.host}/ours:v1`);
    await run("skopeo", "copy", "--src-tls-verify=false", `docker://${served.host}/umoci:first`, "oci:again:first");
    await assert.rejects(run("crane", "tag", `${served.host}/ours:v1`, "other"), /UNSUPPORTED|405/);
  } finally {
    await served.close();
  }
});
await check("the server had no fault", async () => assert.deepEqual(faults, []));

await registry.close();
await rm(work, { recursive: true, force: true });
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length > 0 ? 1 : 0;
