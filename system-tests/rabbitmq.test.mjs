// A real image of 129 MB, through registries and tools that nobody here wrote: indexed, found both ways, read at random, compared with what umoci
// unpacks. The image is made by make-rabbitmq-image.sh; SOCIKIT_RABBITMQ_IMAGE names its layout.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";
import { output, run } from "./programs.mjs";
import { manifestOf, startDockerRegistry, startReferrersRegistry, tagsOf } from "./registries.mjs";
import { socikit } from "./socikit.mjs";

const SOCI_V1 = "application/vnd.amazon.soci.index.v1+json";
const ZTOC = "application/octet-stream";
const layout = process.env.SOCIKIT_RABBITMQ_IMAGE;
const work = mkdtempSync(join(tmpdir(), "socikit-rabbitmq-"));
let docker;
let referrers;
let image;
let indexDigest;

before(async () => {
  docker = await startDockerRegistry(join(work, "docker"));
  referrers = await startReferrersRegistry(join(work, "referrers"));
});
after(async () => {
  await docker?.stop();
  await referrers?.stop();
  rmSync(work, { recursive: true, force: true });
});

test("skopeo pushes the image to docker-registry, crane copies it to the other registry", async () => {
  await output("skopeo", [
    "copy",
    "--dest-tls-verify=false",
    `oci:${layout}:rabbitmq`,
    `docker://${docker.host}/rabbitmq:3`,
  ]);
  await output("crane", ["copy", "--insecure", `${docker.host}/rabbitmq:3`, `${referrers.host}/rabbitmq:3`]);
  image = await manifestOf(docker.url, "rabbitmq", "3");
  assert.equal((await manifestOf(referrers.url, "rabbitmq", "3")).digest, image.digest);
  assert.equal(image.json.layers.length, 4);
});

test("socikit create indexes it registry to registry", async (t) => {
  for (const registry of [docker, referrers]) {
    const { code, stderr, milliseconds } = await socikit(["create", `${registry.host}/rabbitmq:3`]);
    assert.equal(code, 0, stderr);
    t.diagnostic(
      `${registry === docker ? "docker-registry" : "referrers registry"}: ${(milliseconds / 1000).toFixed(1)} s`,
    );
  }
});

test("docker-registry has the index under the fallback tag", async () => {
  const tag = image.digest.replace(":", "-");
  assert.deepEqual((await tagsOf(docker.url, "rabbitmq")).toSorted(), ["3", tag].toSorted());
  const { json } = await manifestOf(docker.url, "rabbitmq", tag);
  const [entry, ...others] = json.manifests;
  assert.deepEqual(others, []);
  assert.equal(entry.artifactType, SOCI_V1);
  indexDigest = entry.digest;
});

test("the other registry has the same index under the referrers API, and no fallback tag", async () => {
  assert.deepEqual(await tagsOf(referrers.url, "rabbitmq"), ["3"]);
  const response = await fetch(`${referrers.url}/v2/rabbitmq/referrers/${image.digest}`);
  const { manifests } = await response.json();
  assert.deepEqual(
    manifests.map(({ digest, artifactType }) => [digest, artifactType]),
    [[indexDigest, SOCI_V1]],
  );
});

test("oras discover sees the index on both", async () => {
  for (const registry of [docker, referrers]) {
    const found = JSON.parse(
      await output("oras", ["discover", "--plain-http", "--format", "json", `${registry.host}/rabbitmq:3`]),
    );
    const entries = found.referrers ?? found.manifests;
    assert.deepEqual(
      entries.map(({ digest, artifactType }) => [digest, artifactType]),
      [[indexDigest, SOCI_V1]],
    );
  }
});

test("crane reads the index and its zTOCs: a subject, and one zTOC for each layer of 10 MiB or more", async () => {
  const index = JSON.parse(await output("crane", ["manifest", "--insecure", `${docker.host}/rabbitmq@${indexDigest}`]));
  assert.equal(index.subject.digest, image.digest);
  const large = image.json.layers.filter(({ size }) => size >= 10 << 20);
  assert.deepEqual(
    index.layers.map(({ annotations }) => annotations["com.amazon.soci.image-layer-digest"]),
    large.map(({ digest }) => digest),
  );
  for (const { mediaType, digest, size } of index.layers) {
    assert.equal(mediaType, ZTOC);
    const { code, stdout } = await run("crane", ["blob", "--insecure", `${docker.host}/rabbitmq@${digest}`]);
    assert.equal(code, 0);
    assert.equal(stdout.length, size);
  }
});

test("a second create finds the same index and adds none", async () => {
  const { code, stderr } = await socikit(["create", `${docker.host}/rabbitmq:3`]);
  assert.equal(code, 0, stderr);
  const { json } = await manifestOf(docker.url, "rabbitmq", image.digest.replace(":", "-"));
  assert.deepEqual(
    json.manifests.map(({ digest }) => digest),
    [indexDigest],
  );
});

test("socikit ls and cat read the image", async () => {
  const { code, stdout, stderr } = await socikit(["ls", `${docker.host}/rabbitmq:3`, "/etc/rabbitmq"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout.toString(), /rabbitmq\.conf/);
  const file = await socikit(["cat", `${referrers.host}/rabbitmq:3`, "/etc/rabbitmq/rabbitmq.conf"]);
  assert.equal(file.code, 0, file.stderr);
  assert.equal(file.stdout.toString(), "loopback_users = none\n");
});

test("reads equal the unpacked tree in every runtime", async (t) => {
  const bundle = join(work, "bundle");
  await output("umoci", ["unpack", "--image", `${layout}:rabbitmq`, bundle]);
  const script = fileURLToPath(new URL("random-reads.mjs", import.meta.url));
  const runtimes = [
    ["Node 20, built", process.execPath, []],
    ["Node 26, sources", process.env.SOCIKIT_NODE_26, ["--conditions=@socikit/source"]],
    ["Deno, sources", process.env.SOCIKIT_DENO, ["run", "--quiet", "-A"]],
    ["Bun, sources", process.env.SOCIKIT_BUN, ["--conditions=@socikit/source"]],
  ];
  for (const [i, [name, command, args]] of runtimes.entries()) {
    await t.test(name, async (t) => {
      const registry = i % 2 === 0 ? docker : referrers;
      assert.ok(command, "this runtime is not installed");
      const reads = [script, `${registry.host}/rabbitmq:3`, join(bundle, "rootfs"), "1000", String(i + 1)];
      const text = await output(command, [...args, ...reads], { timeoutMs: 300_000 });
      t.diagnostic(text.trim());
    });
  }
});
