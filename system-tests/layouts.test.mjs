// OCI layout directories that umoci and skopeo write, read and indexed in place.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { output, freePort, startServer } from "./programs.mjs";
import { MOTD, NOISE, makeSmallImage } from "./small-image.mjs";
import { SOCIKIT, socikit } from "./socikit.mjs";

const work = mkdtempSync(join(tmpdir(), "socikit-layouts-"));
let layouts;

before(async () => {
  const umoci = await makeSmallImage(join(work));
  const skopeo = join(work, "skopeo");
  await output("skopeo", ["copy", `oci:${umoci}:v1`, `oci:${skopeo}:v1`]);
  layouts = { umoci, skopeo };
});
after(() => rmSync(work, { recursive: true, force: true }));

for (const writer of ["umoci", "skopeo"]) {
  test(`socikit ls and cat read a layout written by ${writer}`, async () => {
    for (const reference of [
      `oci-layout:${layouts[writer]}:v1`,
      `oci-layout:${layouts[writer]}`,
      `oci:${layouts[writer]}:v1`,
    ]) {
      const list = await socikit(["ls", reference, "/etc"]);
      assert.equal(list.code, 0, list.stderr);
      assert.match(list.stdout.toString(), /motd/);
      const file = await socikit(["cat", reference, "/etc/motd"]);
      assert.equal(file.code, 0, file.stderr);
      assert.equal(file.stdout.toString(), MOTD);
    }
  });

  test(`socikit create indexes a layout written by ${writer}, which its tools still read`, async () => {
    const layout = layouts[writer];
    const created = await socikit(["create", `oci-layout:${layout}:v1`]);
    assert.equal(created.code, 0, created.stderr);
    const file = await socikit(["cat", `oci-layout:${layout}:v1`, "/usr/share/noise"]);
    assert.equal(file.code, 0, file.stderr);
    assert.ok(file.stdout.equals(NOISE));
    // The index is an entry of index.json without a name, whose subject is the image.
    const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
    const unnamed = manifests.filter(
      ({ annotations }) => annotations?.["org.opencontainers.image.ref.name"] === undefined,
    );
    assert.equal(unnamed.length, 1);
    const index = JSON.parse(readFileSync(join(layout, "blobs/sha256", unnamed[0].digest.slice(7)), "utf8"));
    assert.ok(manifests.some(({ digest }) => digest === index.subject.digest));
    // Nothing half-written is left beside the blobs.
    assert.deepEqual(
      readdirSync(join(layout, "blobs/sha256")).filter((name) => !/^[0-9a-f]{64}$/.test(name)),
      [],
    );
    await output("skopeo", ["inspect", "--raw", `oci:${layout}:v1`]);
    await output("umoci", ["stat", "--image", `${layout}:v1`]);
    assert.equal((await output("umoci", ["ls", "--layout", layout])).trim(), "v1");
  });
}

test("socikit serve offers layouts as repositories: crane and skopeo pull, oras discovers the index", async () => {
  const port = await freePort();
  const server = await startServer(process.execPath, [SOCIKIT, "serve", work, "--listen", `127.0.0.1:${port}`], port);
  try {
    const catalog = JSON.parse(await output("curl", ["-fsS", `http://127.0.0.1:${port}/v2/layout/tags/list`]));
    assert.deepEqual(catalog.tags, ["v1"]);
    await output("crane", ["validate", "--insecure", "--remote", `127.0.0.1:${port}/layout:v1`]);
    await output("skopeo", [
      "copy",
      "--src-tls-verify=false",
      `docker://127.0.0.1:${port}/skopeo:v1`,
      `oci:${join(work, "..", "copy-of-skopeo")}:v1`,
    ]);
    const found = JSON.parse(
      await output("oras", ["discover", "--plain-http", "--format", "json", `127.0.0.1:${port}/layout:v1`]),
    );
    assert.equal((found.referrers ?? found.manifests).length, 1);
  } finally {
    await server.stop();
    rmSync(join(work, "..", "copy-of-skopeo"), { recursive: true, force: true });
  }
});
