// The rabbitmq image, converted between registries that nobody here wrote: the digests are the reference's, other tools copy the converted image
// whole, containerd pulls it, and readers find the SOCI index in every copy.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startContainerd } from "./containerd.mjs";
import { output } from "./programs.mjs";
import { manifestOf, startDockerRegistry, startReferrersRegistry, tagsOf } from "./registries.mjs";
import { socikit } from "./socikit.mjs";

const SOCI_V1 = "application/vnd.amazon.soci.index.v1+json";
const SOCI_V2 = "application/vnd.amazon.soci.index.v2+json";
const layout = process.env.SOCIKIT_RABBITMQ_IMAGE;
const work = mkdtempSync(join(tmpdir(), "socikit-convert-"));
/** What the reference's own command makes of the layout: its archive's path, digest of the index, lines. */
let reference;
let docker;
let referrers;
let source;
let containerd;

before(async () => {
  docker = await startDockerRegistry(join(work, "docker"));
  referrers = await startReferrersRegistry(join(work, "referrers"));
  for (const { host } of [docker, referrers])
    await output("skopeo", [
      "copy",
      "--dest-tls-verify=false",
      `oci:${layout}:rabbitmq`,
      `docker://${host}/rabbitmq:3`,
    ]);
  source = await manifestOf(docker.url, "rabbitmq", "3");
});
after(async () => {
  await containerd?.stop();
  await docker?.stop();
  await referrers?.stop();
  rmSync(work, { recursive: true, force: true });
});

/** The four ways between two registries; `name` is that of the registry that is written to. */
const ways = () => [
  { from: docker, to: docker, name: "docker-registry, within it" },
  { from: referrers, to: referrers, name: "the referrers registry, within it" },
  { from: docker, to: referrers, name: "docker-registry to the referrers registry" },
  { from: referrers, to: docker, name: "the referrers registry to docker-registry" },
];

test("the reference's own command converts the layout; socikit convert --standalone writes the same archive", async () => {
  const archive = join(work, "reference.tar");
  const env = { TZ: "UTC" };
  const lines = await output("soci", ["convert", "--standalone", layout, archive], { env });
  const ours = join(work, "ours.tar");
  const made = await socikit(["convert", "--standalone", layout, ours]);
  assert.equal(made.code, 0, made.stderr);
  assert.ok(readFileSync(ours).equals(readFileSync(archive)), "the archives differ");
  const printed = made.stdout.toString().split("\n");
  const said = lines.trimEnd().split("\n").toSorted();
  assert.equal(said.length, 4);
  assert.deepEqual(printed.filter((line) => said.includes(line)).toSorted(), said);
  const index = JSON.parse(await output("tar", ["-xOf", archive, "index.json"]));
  reference = { archive, digest: index.manifests[0].digest };
});

test("socikit convert --standalone --format oci-dir writes the reference's directory", async () => {
  const [theirs, ours] = [join(work, "reference-dir"), join(work, "ours-dir")];
  const args = ["convert", "--standalone", "--format", "oci-dir", layout];
  await output("soci", [...args, theirs], { env: { TZ: "UTC" } });
  const made = await socikit([...args, ours]);
  assert.equal(made.code, 0, made.stderr);
  await output("diff", ["--recursive", theirs, ours]);
  const modes = (folder) => output("find", [".", "-printf", "%P %y %m\\n"], { cwd: folder });
  const sorted = async (folder) => (await modes(folder)).trim().split("\n").toSorted();
  assert.deepEqual(await sorted(ours), await sorted(theirs));
});

test("socikit convert, registry to registry, four ways: the reference's digest, and everything is there", async (t) => {
  for (const { from, to, name } of ways()) {
    await t.test(name, async (t) => {
      const target = `${to.host}/to/${from === to ? "same" : "other"}:soci`;
      const made = await socikit(["convert", `${from.host}/rabbitmq:3`, target, "-q"]);
      assert.equal(made.code, 0, made.stderr);
      t.diagnostic(`converted, ${name}: ${(made.milliseconds / 1000).toFixed(1)} s`);
      assert.equal(made.stderr, "");
      assert.equal(made.stdout.toString().trim(), reference.digest);
      await output("crane", ["validate", "--insecure", "--remote", target]);
      const { json } = await manifestOf(to.url, target.slice(target.indexOf("/") + 1, -":soci".length), "soci");
      assert.deepEqual(
        json.manifests.map(({ artifactType, platform }) => [artifactType, platform.architecture]),
        [
          [undefined, "amd64"],
          [SOCI_V2, "amd64"],
        ],
      );
    });
  }
});

test("socikit create, registry to registry, four ways: one index, found on either", async (t) => {
  const found = new Set();
  for (const { from, to, name } of ways()) {
    await t.test(name, async () => {
      const repository = `v1/${from === to ? "same" : "other"}`;
      const made = await socikit(["create", `${from.host}/rabbitmq:3`, `${to.host}/${repository}:3`, "-q"]);
      assert.equal(made.code, 0, made.stderr);
      const digest = made.stdout.toString().trim();
      found.add(digest);
      assert.equal((await manifestOf(to.url, repository, "3")).digest, source.digest);
      const text = await output("oras", ["discover", "--plain-http", "--format", "json", `${to.host}/${repository}:3`]);
      const entries = JSON.parse(text).referrers ?? JSON.parse(text).manifests;
      assert.deepEqual(
        entries.map((entry) => [entry.digest, entry.artifactType]),
        [[digest, SOCI_V1]],
      );
      const tags = await tagsOf(to.url, repository);
      assert.deepEqual(tags.toSorted(), to === docker ? ["3", source.digest.replace(":", "-")].toSorted() : ["3"]);
    });
  }
  assert.equal(found.size, 1);
});

test("a second convert reads no layer: its zTOCs are there", async () => {
  const args = ["convert", `${docker.host}/rabbitmq:3`, `${docker.host}/to/same:soci`];
  const made = await socikit([...args, "--debug"]);
  assert.equal(made.code, 0, made.stderr);
  assert.equal(made.stdout.toString().match(/^layer .* \(already exists\)$/gm)?.length, 3);
  for (const { digest } of source.json.layers)
    assert.ok(!made.stderr.includes(`> GET ${docker.url}/v2/rabbitmq/blobs/${digest}`), made.stderr);
  assert.ok(!/> (POST|PATCH)/.test(made.stderr), made.stderr);
  const { digest } = await manifestOf(docker.url, "to/same", "soci");
  assert.equal(digest, reference.digest);
});

test("socikit unconvert gives the original back: by its record, and by its digest where somebody has it still", async () => {
  const kept = `${referrers.host}/kept:soci`;
  const made = await socikit(["convert", `${docker.host}/rabbitmq:3`, kept, "--keep-originals", "-q"]);
  assert.equal(made.stdout.toString().trim(), reference.digest, made.stderr);
  for (const args of [
    [kept, `${docker.host}/back:3`],
    // What the reference has converted, into an archive, which has nothing of the original.
    [`oci-archive:${reference.archive}`, `${docker.host}/again:3`, "--place", `${docker.host}/rabbitmq:3`],
    [`oci-archive:${reference.archive}`, `${referrers.host}/again:3`, "--original", source.digest],
  ]) {
    const back = await socikit(["unconvert", ...args, "-q"]);
    assert.equal(back.code, 0, back.stderr);
    assert.equal(back.stdout.toString().trim(), source.digest);
    await output("crane", ["validate", "--insecure", "--remote", args[1]]);
  }
  const unknown = await socikit(["unconvert", `oci-archive:${reference.archive}`, `oci-layout:${work}/unknown`]);
  assert.equal(unknown.code, 1, unknown.stderr);
  assert.match(unknown.stderr, /there is no record of what it was/);
});

/** Copies of the converted image, by the tools that people have. */
const COPIES = [
  ["crane", (from, to) => ["copy", "--insecure", from, to]],
  ["oras", (from, to) => ["cp", "--from-plain-http", "--to-plain-http", from, to]],
  [
    "regctl",
    (from, to) => [
      ...[from, to].flatMap((name) => ["--host", `reg=${name.slice(0, name.indexOf("/"))},tls=disabled`]),
      "image",
      "copy",
      from,
      to,
    ],
  ],
];
for (const [tool, args] of COPIES)
  test(`${tool} copies the converted image to the other registry, both ways, and the index is found there`, async () => {
    for (const [from, to] of [
      [docker, referrers],
      [referrers, docker],
    ]) {
      const target = `${to.host}/by-${tool}:soci`;
      await output(tool, args(`${from.host}/to/same:soci`, target), { env: { HOME: work } });
      assert.equal((await manifestOf(to.url, `by-${tool}`, "soci")).digest, reference.digest);
      // Read through the index: of the layers that it has, spans alone are fetched.
      const read = await socikit(["cat", target, "/etc/rabbitmq/rabbitmq.conf", "/etc/debian_version", "--debug"]);
      assert.equal(read.code, 0, read.stderr);
      assert.match(read.stdout.toString(), /^loopback_users = none\n12\./);
      const { json } = await manifestOf(to.url, `by-${tool}`, "soci");
      const soci = json.manifests.find(({ artifactType }) => artifactType === SOCI_V2);
      assert.ok(read.stderr.includes(`> GET ${to.url}/v2/by-${tool}/manifests/${soci.digest}`), read.stderr);
      assert.ok(!/has no SOCI index/.test(read.stderr), read.stderr);
    }
  });

test("containerd pulls the converted image, checks and unpacks it, with its index and zTOCs", async (t) => {
  containerd = await startContainerd(join(work, "containerd"));
  t.diagnostic((await output("containerd", ["--version"])).trim());
  for (const registry of [docker, referrers]) {
    const name = `${registry.host}/to/other:soci`;
    await containerd.ctr("images", "pull", "--plain-http", name);
    const check = await containerd.ctr("images", "check", `name==${name}`);
    assert.match(check, /complete \(5\/5\).*true/);
    const { json } = await manifestOf(registry.url, "to/other", "soci");
    const soci = json.manifests.find(({ artifactType }) => artifactType === SOCI_V2);
    const { json: index } = await manifestOf(registry.url, "to/other", soci.digest);
    const content = await containerd.ctr("content", "ls", "-q");
    for (const { digest } of [...json.manifests, ...index.layers]) assert.ok(content.includes(digest), digest);
  }
  const root = join(work, "mounted");
  await output("mkdir", [root]);
  await containerd.ctr("images", "mount", `${docker.host}/to/other:soci`, root);
  try {
    assert.equal(readFileSync(join(root, "etc/rabbitmq/rabbitmq.conf"), "utf8"), "loopback_users = none\n");
    assert.throws(() => statSync(join(root, "usr/share/doc/rabbitmq-server")), { code: "ENOENT" });
  } finally {
    await containerd.ctr("images", "unmount", root);
  }
});

test("the reference's create makes the same v1 index of what containerd pulled", async () => {
  assert.ok(containerd, "containerd does not run");
  const name = `${docker.host}/rabbitmq:3`;
  await containerd.ctr("images", "pull", "--plain-http", name);
  const root = join(work, "soci-root");
  const args = ["--address", containerd.address, "--root", root, "create", name];
  await output("soci", args, { env: { TZ: "UTC" } });
  const images = await containerd.ctr("images", "ls", `name==${name}`);
  const [, digest] = /containerd\.io\/gc\.ref\.content\.soci-index=(sha256:[0-9a-f]{64})/.exec(images) ?? [];
  const ours = await socikit(["create", name, "-q"]);
  assert.equal(ours.code, 0, ours.stderr);
  assert.equal(ours.stdout.toString().trim(), digest);
});
