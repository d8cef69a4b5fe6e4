// Ctrl-C: the command ends within two seconds with exit code 130 and leaves no tag, no index and no file that points at something missing.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startFaultProxy } from "./fault-proxy.mjs";
import { output } from "./programs.mjs";
import { manifestOf, startDockerRegistry, tagsOf } from "./registries.mjs";
import { makeSmallImage } from "./small-image.mjs";
import { socikit } from "./socikit.mjs";

const work = mkdtempSync(join(tmpdir(), "socikit-interrupt-"));
let registry;
let proxy;
let layout;

before(async () => {
  registry = await startDockerRegistry(join(work, "registry"));
  layout = await makeSmallImage(work);
  await output("skopeo", ["copy", "--dest-tls-verify=false", `oci:${layout}:v1`, `docker://${registry.host}/app:v1`]);
  // Layers come at 1 MB a second, so that each interruption falls into the work.
  proxy = await startFaultProxy(registry.host, ({ path }) =>
    path.includes("/blobs/sha256") ? { bytesPerSecond: 1_000_000 } : undefined,
  );
});
after(async () => {
  await proxy?.stop();
  await registry?.stop();
  rmSync(work, { recursive: true, force: true });
});

/** Runs the command and sends SIGINT after a while; says how long it took to end from then on. */
async function interrupted(args, afterMs, options = {}) {
  let sent = 0;
  const result = await socikit(args, {
    ...options,
    onStart: (child) =>
      setTimeout(() => {
        sent = performance.now();
        child.kill("SIGINT");
      }, afterMs),
  });
  return { ...result, endedAfterMs: performance.now() - sent };
}

for (const afterMs of [600, 1500, 3000]) {
  test(`create, interrupted after ${afterMs} ms`, async (t) => {
    const { code, stderr, endedAfterMs } = await interrupted(["create", `${proxy.host}/app:v1`], afterMs);
    t.diagnostic(`ended ${endedAfterMs.toFixed(0)} ms after the signal`);
    assert.equal(code, 130, stderr);
    assert.ok(endedAfterMs < 2000, `${endedAfterMs} ms`);
    assert.ok(!/\n\s+at /.test(stderr), stderr);
    assert.deepEqual(await tagsOf(registry.url, "app"), ["v1"]);
  });
}

test("create to another repository, interrupted: the tag is written last, so there is none", async () => {
  const { code, stderr, endedAfterMs } = await interrupted(
    ["create", `${proxy.host}/app:v1`, `${proxy.host}/other:v1`],
    2000,
  );
  assert.equal(code, 130, stderr);
  assert.ok(endedAfterMs < 2000, `${endedAfterMs} ms`);
  assert.equal(await manifestOf(registry.url, "other", "v1"), undefined);
});

test("create, interrupted and run again, ends well", async () => {
  const { code, stderr } = await socikit(["create", `${registry.host}/app:v1`]);
  assert.equal(code, 0, stderr);
  const tags = await tagsOf(registry.url, "app");
  assert.equal(tags.length, 2);
});

test("cat, interrupted", async () => {
  const { code, stderr, endedAfterMs } = await interrupted(["cat", `${proxy.host}/app:v1`, "/usr/share/noise"], 1500);
  assert.equal(code, 130, stderr);
  assert.ok(endedAfterMs < 2000, `${endedAfterMs} ms`);
});

test("ztoc build, interrupted while it waits for its layer: no file", async () => {
  const target = join(work, "interrupted.ztoc");
  let child;
  const { code, stderr } = await socikit(
    ["ztoc", "build", "/dev/zero", "--media-type", "application/vnd.oci.image.layer.v1.tar", "-o", target],
    {
      onStart: (started) => {
        child = started;
        setTimeout(() => child.kill("SIGINT"), 1000);
      },
      timeoutMs: 10_000,
    },
  );
  assert.equal(code, 130, stderr);
  assert.deepEqual(
    readdirSync(work).filter((name) => name.includes("interrupted.ztoc")),
    [],
  );
});
