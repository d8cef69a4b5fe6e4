// What goes wrong in the field, through the command: each case has an exit code that is not 0, a message that names what and where, and leaves
// nothing half-written.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { startFaultProxy } from "./fault-proxy.mjs";
import { freePort, output } from "./programs.mjs";
import { startDockerRegistry, tagsOf } from "./registries.mjs";
import { MOTD, NOISE, makeSmallImage, noise } from "./small-image.mjs";
import { socikit } from "./socikit.mjs";

const work = mkdtempSync(join(tmpdir(), "socikit-failures-"));
let registry;
let layout;
/** What the proxy does now. */
let fault = () => undefined;
let proxy;

before(async () => {
  registry = await startDockerRegistry(join(work, "registry"));
  layout = await makeSmallImage(work);
  for (const repository of ["indexed", "plain"]) {
    await output("skopeo", [
      "copy",
      "--dest-tls-verify=false",
      `oci:${layout}:v1`,
      `docker://${registry.host}/${repository}:v1`,
    ]);
  }
  const created = await socikit(["create", `${registry.host}/indexed:v1`]);
  assert.equal(created.code, 0, created.stderr);
  proxy = await startFaultProxy(registry.host, (request) => fault(request));
});
afterEach(() => {
  fault = () => undefined;
});
after(async () => {
  await proxy?.stop();
  await registry?.stop();
  rmSync(work, { recursive: true, force: true });
});

const blobOf =
  (digest) =>
  (/** @type {{ path: string }} */ { path }) =>
    path.includes(digest);

/** The large layer's descriptor. */
function largeLayer() {
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
  const manifest = JSON.parse(readFileSync(join(layout, "blobs/sha256", index.manifests[0].digest.slice(7)), "utf8"));
  return manifest.layers[0];
}

test("a registry that is not there", async () => {
  const host = `127.0.0.1:${await freePort()}`;
  const { code, stderr } = await socikit(["ls", `${host}/app:v1`, "/"]);
  assert.ok(code !== 0 && typeof code === "number", stderr);
  assert.ok(stderr.includes(host), stderr);
  assert.match(stderr, /refused|reach|connect/i);
});

test("a tag, a repository and a file that are not there: exit code 3", async () => {
  for (const [args, named] of [
    [["ls", `${registry.host}/indexed:v2`, "/"], "v2"],
    [["ls", `${registry.host}/nothing:v1`, "/"], "nothing"],
    [["cat", `${registry.host}/indexed:v1`, "/etc/mtod"], "mtod"],
    [["cat", `oci-layout:${join(work, "nowhere")}:v1`, "/etc/motd"], "nowhere"],
  ]) {
    const { code, stdout, stderr } = await socikit(args);
    assert.equal(code, 3, stderr);
    assert.equal(stdout.length, 0);
    assert.ok(stderr.includes(named), stderr);
  }
});

test("a registry that wants a login, or forbids: exit code 4", async () => {
  for (const status of [401, 403]) {
    fault = () => ({ status });
    const { code, stderr } = await socikit(["ls", `${proxy.host}/indexed:v1`, "/"]);
    assert.equal(code, 4, stderr);
    assert.ok(stderr.includes(proxy.host), stderr);
  }
});

test("a registry that answers 500 for ever", async () => {
  fault = () => ({ status: 500 });
  const { code, stderr, milliseconds } = await socikit(["ls", `${proxy.host}/indexed:v1`, "/"]);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /500/);
  assert.ok(milliseconds < 60_000);
});

test("a registry that answers 200 to a range request: the right bytes, or an error that says so", async () => {
  fault = () => ({ whole: true });
  const { code, stdout, stderr } = await socikit(["cat", `${proxy.host}/indexed:v1`, "/usr/share/noise"]);
  if (code === 0) assert.ok(stdout.equals(NOISE));
  else assert.match(stderr, /range/i);
});

for (const command of ["create", "convert"])
  test(`${command}: an upload that breaks off once is begun anew where the registry has forgotten it, and each layer is read once`, async () => {
    const from = `${registry.host}/plain:v1`;
    const whole = await socikit([command, from, `${registry.host}/${command}-whole:v1`, "-q"]);
    assert.equal(whole.code, 0, whole.stderr);
    const faults = [
      ["PATCH", { cutSendingAfter: 3_000_000 }],
      ["PATCH", { lost: true }],
      ["PATCH", { status: 502 }],
      ["PUT", { cutSendingAfter: 1_000_000 }],
      ["PUT", { lost: true }],
    ];
    for (const [i, [method, what]] of faults.entries()) {
      let met = 0;
      fault = (request) => (request.method === method && request.length > 2_000_000 && met++ === 0 ? what : undefined);
      const to = `${proxy.host}/${command}-${i}:v1`;
      // Not mounted: it is another registry, for all that the command knows.
      const { code, stdout, stderr } = await socikit([command, from, to, "-q"]);
      assert.equal(code, 0, stderr);
      assert.ok(met > 0);
      assert.equal(String(stdout), String(whole.stdout));
      const read = await socikit(["cat", `${registry.host}/${command}-${i}:v1`, "/usr/share/noise"]);
      assert.ok(read.stdout.equals(NOISE), read.stderr);
    }
    // Nothing breaks: one request for the layer.
    fault = () => undefined;
    proxy.requests.length = 0;
    const { code, stderr } = await socikit([
      command,
      `${proxy.host}/plain:v1`,
      `oci-layout:${join(work, `${command}-once`)}:v1`,
    ]);
    assert.equal(code, 0, stderr);
    const gets = proxy.requests.filter(({ method, path }) => method === "GET" && path.includes(largeLayer().digest));
    assert.equal(gets.length, 1);
  });

test("a connection that is cut once is taken up again", async () => {
  const isLayer = blobOf(largeLayer().digest);
  let cut = 0;
  fault = (request) =>
    isLayer(request) && request.method === "GET" && cut++ === 0 ? { cutAfter: 100_000 } : undefined;
  const { code, stdout, stderr } = await socikit(["cat", `${proxy.host}/indexed:v1`, "/usr/share/noise"]);
  assert.equal(code, 0, stderr);
  assert.ok(stdout.equals(NOISE));
  assert.ok(cut > 1);
});

test("a connection that is always cut", async () => {
  const isLayer = blobOf(largeLayer().digest);
  fault = (request) => (isLayer(request) && request.method === "GET" ? { cutAfter: 1000 } : undefined);
  const { code, stderr, milliseconds } = await socikit(["cat", `${proxy.host}/indexed:v1`, "/usr/share/noise"]);
  assert.ok(code !== 0 && typeof code === "number", stderr);
  assert.ok(stderr.includes(largeLayer().digest) || stderr.includes("/usr/share/noise"), stderr);
  assert.ok(milliseconds < 60_000);
});

test("a layer, a zTOC and an index that are not what was promised: never a wrong byte", async () => {
  const tag = (await tagsOf(registry.url, "indexed")).find((name) => name.startsWith("sha256-"));
  const accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
  const fetchJson = async (path) => (await fetch(`${registry.url}/v2/indexed/${path}`, { headers: { accept } })).json();
  const index = (await fetchJson(`manifests/${tag}`)).manifests[0].digest;
  const ztoc = (await fetchJson(`manifests/${index}`)).layers[0].digest;
  for (const digest of [largeLayer().digest, ztoc, index]) {
    const isSpoiled = blobOf(digest);
    fault = (request) => (isSpoiled(request) && request.method === "GET" ? { flip: 300 } : undefined);
    const { code, stdout, stderr } = await socikit(["cat", `${proxy.host}/indexed:v1`, "/usr/share/noise"]);
    // Without its index the image can still be read whole, each layer against its digest. A layer has nothing behind it.
    if (code === 0 && digest !== largeLayer().digest) {
      assert.ok(stdout.equals(NOISE), digest);
    } else {
      assert.equal(code, 5, `${digest}: ${stderr}`);
      assert.equal(stdout.length, 0);
    }
  }
});

test("a layer that is spoiled while it is indexed: nothing is pushed", async () => {
  const isLayer = blobOf(largeLayer().digest);
  for (const what of [{ flip: 5_000_000 }, { cutAfter: 100 }]) {
    fault = (request) => (isLayer(request) && request.method === "GET" ? what : undefined);
    const { code, stderr } = await socikit(["create", `${proxy.host}/plain:v1`]);
    assert.ok(code !== 0 && typeof code === "number", stderr);
    assert.ok(stderr.includes(largeLayer().digest), stderr);
    assert.deepEqual(await tagsOf(registry.url, "plain"), ["v1"]);
  }
});

test("a registry that takes no pushes: nothing is tagged", async () => {
  fault = ({ method }) => (method === "GET" || method === "HEAD" ? undefined : { status: 403 });
  const { code, stderr } = await socikit(["create", `${proxy.host}/plain:v1`]);
  assert.equal(code, 4, stderr);
  assert.deepEqual(await tagsOf(registry.url, "plain"), ["v1"]);
});

test("an image with small layers only: exit code 6", async () => {
  const { code, stderr } = await socikit(["create", `${registry.host}/plain:v1`, "--min-layer-size", String(1 << 30)]);
  assert.equal(code, 6, stderr);
  assert.deepEqual(await tagsOf(registry.url, "plain"), ["v1"]);
});

test("ztoc build of layers that are none: an error, and no file", async () => {
  const tar = Buffer.concat([tarHeader("noise", 100_000), noise(100_000), Buffer.alloc(352 + 1024)]);
  const gzip = gzipSync(tar);
  for (const [name, bytes] of [
    ["truncated", gzip.subarray(0, gzip.length - 5000)],
    ["flipped", Buffer.from(gzip).fill(0xff, 50_000, 50_010)],
    ["empty", Buffer.alloc(0)],
    ["foreign", Buffer.from("#!/bin/sh\necho this is not a layer\n".repeat(100))],
    ["zstd", Buffer.from("28b52ffd2400010000", "hex")],
  ]) {
    const path = join(work, `${name}.tar.gz`);
    writeFileSync(path, bytes);
    const { code, stderr } = await socikit(["ztoc", "build", path, "-o", join(work, `${name}.ztoc`)]);
    assert.ok(code !== 0 && typeof code === "number", `${name}: ${stderr}`);
    assert.ok(stderr.includes(`${name}.tar.gz`), `${name}: ${stderr}`);
    assert.deepEqual(
      readdirSync(work).filter((entry) => entry.includes(`${name}.ztoc`)),
      [],
    );
  }
});

test("ztoc info of what is none", async () => {
  for (const [name, bytes] of [
    ["none.ztoc", Buffer.from("hello")],
    ["noise.ztoc", noise(10_000)],
  ]) {
    writeFileSync(join(work, name), bytes);
    const { code, stderr } = await socikit(["ztoc", "info", join(work, name)]);
    assert.ok(code !== 0 && typeof code === "number", stderr);
    assert.ok(stderr.includes(name), stderr);
  }
});

test("a command line that is wrong: exit code 2", async () => {
  for (const args of [["lst"], ["ls"], ["create", "--nope"], ["cat", "NOT A REFERENCE", "/x"]]) {
    const { code, stdout, stderr } = await socikit(args);
    assert.equal(code, 2, `${args.join(" ")}: ${stderr}`);
    assert.equal(stdout.length, 0);
  }
});

test("a reader that goes away early is not an error worth a stack trace", async () => {
  const { stderr, stdout } = await socikitInto("head -c 4", ["cat", `${registry.host}/indexed:v1`, "/usr/share/noise"]);
  assert.ok(stdout.equals(NOISE.subarray(0, 4)));
  assert.ok(!/\n\s+at /.test(stderr), stderr);
});

test("the small image reads back whole, so that the cases above fail for their reasons", async () => {
  const { code, stdout } = await socikit(["cat", `${proxy.host}/indexed:v1`, "/etc/motd"]);
  assert.equal(code, 0);
  assert.equal(stdout.toString(), MOTD);
  assert.ok(existsSync(layout));
});

async function socikitInto(consumer, args) {
  const { SOCIKIT } = await import("./socikit.mjs");
  const { run } = await import("./programs.mjs");
  const line = [process.execPath, SOCIKIT, ...args].map((word) => `'${word}'`).join(" ");
  return run("bash", ["-c", `${line} | ${consumer}`], { env: { DOCKER_CONFIG: "/nonexistent", NO_COLOR: "1" } });
}

function tarHeader(name, size) {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(
    `0000644\0${"0".repeat(7)}\0${"0".repeat(7)}\0${size.toString(8).padStart(11, "0")}\0${"0".repeat(11)}\0        0`,
    100,
  );
  header.write("ustar\x0000", 257);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  return header;
}
