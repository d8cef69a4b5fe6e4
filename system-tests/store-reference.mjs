// The commands on the local store, side by side with the reference's own on containerd: the same text, but for what is said to be ours.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startContainerd } from "./containerd.mjs";
import { output } from "./programs.mjs";
import { manifestOf, startDockerRegistry, startReferrersRegistry } from "./registries.mjs";
import { socikit } from "./socikit.mjs";
import { makeImages, SPAN_SIZE } from "./store-images.mjs";
import { copyImage } from "@socikit/oci";
import { openRepository } from "@socikit/registry";
import { nodeTransport } from "@socikit/registry/node";

const work = mkdtempSync(join(tmpdir(), "socikit-reference-"));
const roots = { reference: join(work, "reference"), ours: join(work, "ours") };
const OPTIONS = ["--min-layer-size", "0", "--span-size", String(SPAN_SIZE)];
let containerd;
const registries = [];
/** `HOST/app:0` and `HOST/app:1` of the first registry. */
let names;

before(async () => {
  const image = await makeImages(join(work, "images"), 2);
  registries.push(await startDockerRegistry(join(work, "docker")));
  registries.push(await startReferrersRegistry(join(work, "referrers")));
  const transport = nodeTransport();
  for (const { host } of registries)
    for (const tag of ["0", "1"]) await copyImage(image, openRepository(`${host}/app`, { transport }), tag, { tag });
  await transport.close();
  containerd = await startContainerd(join(work, "containerd"));
  names = ["0", "1"].map((tag) => `${registries[0].host}/app:${tag}`);
  for (const name of names) await containerd.ctr("images", "pull", "--plain-http", name);
});
after(async () => {
  await containerd?.stop();
  for (const registry of registries) await registry.stop();
  rmSync(work, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
});

const reference = (...args) =>
  output("soci", ["--address", containerd.address, "--root", roots.reference, ...args], { env: { TZ: "UTC" } });
async function ours(...args) {
  const { code, stdout, stderr } = await socikit(["--namespace", "default", "--root", roots.ours, ...args], {
    env: { TZ: "UTC" },
  });
  assert.equal(code, 0, stderr);
  return stdout.toString();
}
/** Both, one after the other. */
const both = async (...args) => [await reference(...args), await ours(...args)];
/** What is only as old as the command is quick, and the widths that follow from it. */
const timeless = (text) => text.replaceAll(/(?:\d+m)?\d+s ago *$/gm, "AGO").replaceAll(/CREATED *$/gm, "CREATED");
const sorted = (text) => text.trimEnd().split("\n").sort().join("\n");

test("create says what the reference says, and each layer's zTOC is there already the second time", async () => {
  for (const name of [names[0], names[0], names[1]]) {
    const theirs = await reference("create", name, ...OPTIONS, "--prefetch-file", "file-1000");
    const lines = (await ours("create", name, "--local", ...OPTIONS, "--prefetch-file", "file-1000"))
      .trimEnd()
      .split("\n");
    // Ours ends with the digest of the index.
    assert.match(lines.pop(), /^sha256:[0-9a-f]{64}$/);
    assert.equal(sorted(lines.join("\n")), sorted(theirs));
  }
});

test("index list, ztoc list and prefetch list are the reference's tables", async () => {
  for (const args of [
    ["index", "list"],
    ["index", "ls", "-q"],
    ["index", "list", "--ref", names[0]],
    ["index", "ls", "--ref", names[1], "-q"],
    ["index", "list", "-p", "linux/amd64"],
    ["index", "list", "--platform=linux/arm64"],
    ["ztoc", "list"],
    ["ztoc", "ls", "-q"],
    ["ztoc", "ls", "--image-ref", names[0]],
    ["prefetch", "list"],
  ]) {
    const [theirs, mine] = (await both(...args)).map(timeless);
    assert.equal(mine, theirs, args.join(" "));
  }
  const [theirs, mine] = (await both("prefetch", "ls", "--json")).map((text) => JSON.parse(text));
  const untimed = (list) => list.map((entry) => ({ ...entry, CreatedAt: typeof entry.CreatedAt }));
  assert.deepEqual(untimed(mine), untimed(theirs));
});

test("index info, ztoc info, ztoc get-file and prefetch info are the reference's texts", async () => {
  for (const digest of (await ours("index", "list", "-q")).trim().split("\n")) {
    const [theirs, mine] = await both("index", "info", digest);
    assert.equal(mine, theirs);
  }
  for (const digest of (await ours("ztoc", "list", "-q")).trim().split("\n")) {
    const [theirs, mine] = await both("ztoc", "info", digest);
    assert.equal(mine, theirs);
    const { filename } = JSON.parse(mine).files[0];
    const file = await reference("ztoc", "get-file", digest, filename);
    assert.equal(await ours("ztoc", "get-file", digest, filename, "--compat"), file);
  }
  const [{ Digest: prefetch }] = JSON.parse(await ours("prefetch", "list", "--json"));
  for (const more of [[], ["--json"]]) {
    const [theirs, mine] = (await both("prefetch", "info", prefetch, ...more)).map((text) =>
      text.replace(/^Created: +20.*$/m, "Created"),
    );
    assert.equal(mine, theirs);
  }
});

test("push says what the reference says, and leaves the same in the registry, with a referrers API and without", async () => {
  const words = (text) =>
    [
      ...new Set(
        text
          .trim()
          .split("\n")
          .map((line) => line.replaceAll(/sha256:\w+/g, "DIGEST")),
      ),
    ].sort();
  for (const { host, url } of registries) {
    const [one, other] = [`${host}/app:0`, `${host}/app:1`];
    for (const name of [one, other]) {
      await containerd.ctr("images", "pull", "--plain-http", name);
      await reference("create", name, ...OPTIONS);
      await ours("create", name, "--local", ...OPTIONS);
    }
    const indexOf = async (name) => (await ours("index", "list", "-q", "--ref", name)).trim().split("\n")[0];
    // One by us, the other by the reference: the same lines, in whatever order.
    const mine = await ours("push", one, "--plain-http");
    const theirs = await reference("push", "--plain-http", other);
    assert.deepEqual(words(mine), words(theirs));
    for (const name of [one, other]) {
      const index = await indexOf(name);
      assert.deepEqual(await referrersOf(url, name), [index]);
      // Each finds the other's.
      const texts = await both("push", "--plain-http", "--existing-index", "skip", name);
      assert.equal(texts[1], texts[0]);
      assert.match(
        texts[0],
        new RegExp(`soci index found in remote repository with digest: ${index}: skipping pushing`),
      );
      assert.equal(await reference("push", "--plain-http", "--existing-index", "allow", "-q", name), `${index}\n`);
      assert.equal(await ours("push", "--plain-http", "--existing-index", "allow", "-q", name), `${index}\n`);
    }
  }
});

/** Digests of the referrers of an image, by the API or the fallback tag. */
async function referrersOf(url, name) {
  const { digest } = await manifestOf(url, "app", name.slice(name.lastIndexOf(":") + 1));
  const response = await fetch(`${url}/v2/app/referrers/${digest}`);
  const list = response.ok ? await response.json() : (await manifestOf(url, "app", digest.replace(":", "-"))).json;
  return list.manifests.map((each) => each.digest);
}

test("index rm takes away the same", async () => {
  const [digest] = (await ours("index", "list", "-q", "--ref", names[0])).trim().split("\n");
  const texts = await both("index", "rm", digest);
  assert.deepEqual(texts, ["", ""]);
  const [theirs, mine] = (await both("index", "list")).map(timeless);
  assert.equal(mine, theirs);
  assert.equal(readFileSync(join(roots.ours, "index.json"), "utf8").includes(digest), false);
});
