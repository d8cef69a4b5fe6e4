// docker-registry behind a token server: anonymous pulls, pushes with a login from Docker's configuration, and what is refused.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { output } from "./programs.mjs";
import { startDockerRegistry } from "./registries.mjs";
import { MOTD, makeSmallImage } from "./small-image.mjs";
import { socikit } from "./socikit.mjs";
import { startTokenServer } from "./token-server.mjs";

const [USER, PASSWORD] = ["alice", "s3cret:with:colons"];
const work = mkdtempSync(join(tmpdir(), "socikit-login-"));
const open = {};
const closed = {};

async function start(into, name, options) {
  into.tokens = await startTokenServer(join(work, name), { user: USER, password: PASSWORD, ...options });
  into.registry = await startDockerRegistry(join(work, name), { tokenServer: into.tokens });
  into.config = join(work, name, "docker");
  mkdirSync(into.config);
  const auth = Buffer.from(`${USER}:${PASSWORD}`).toString("base64");
  writeFileSync(join(into.config, "config.json"), JSON.stringify({ auths: { [into.registry.host]: { auth } } }));
  into.wrong = join(work, name, "wrong");
  mkdirSync(into.wrong);
  const bad = Buffer.from(`${USER}:not-the-password`).toString("base64");
  writeFileSync(join(into.wrong, "config.json"), JSON.stringify({ auths: { [into.registry.host]: { auth: bad } } }));
}

before(async () => {
  const layout = await makeSmallImage(work);
  await start(open, "open", { anonymous: true, key: "x5c" });
  await start(closed, "closed", { anonymous: false, key: "kid" });
  for (const { registry } of [open, closed]) {
    await output("skopeo", [
      "copy",
      "--dest-tls-verify=false",
      "--dest-creds",
      `${USER}:${PASSWORD}`,
      `oci:${layout}:v1`,
      `docker://${registry.host}/app:v1`,
    ]);
  }
});
after(async () => {
  for (const { registry, tokens } of [open, closed]) {
    await registry?.stop();
    await tokens?.stop();
  }
  rmSync(work, { recursive: true, force: true });
});

test("anonymous pulls answer the challenge without a login", async () => {
  const file = await socikit(["cat", `${open.registry.host}/app:v1`, "/etc/motd"]);
  assert.equal(file.code, 0, file.stderr);
  assert.equal(file.stdout.toString(), MOTD);
});

test("a push without a login is refused with exit code 4 and says how to log in", async () => {
  const { code, stderr } = await socikit(["create", `${open.registry.host}/app:v1`]);
  assert.equal(code, 4, stderr);
  assert.match(stderr, /login/i);
  assert.ok(stderr.includes(open.registry.host), stderr);
});

test("a pull without a login from a closed registry is refused with exit code 4", async () => {
  const { code, stderr } = await socikit(["ls", `${closed.registry.host}/app:v1`, "/"]);
  assert.equal(code, 4, stderr);
  assert.match(stderr, /login/i);
});

test("a wrong password is refused with exit code 4 and is not printed", async () => {
  const { code, stderr } = await socikit(["ls", `${closed.registry.host}/app:v1`, "/"], {
    env: { DOCKER_CONFIG: closed.wrong },
  });
  assert.equal(code, 4, stderr);
  assert.ok(!stderr.includes("not-the-password"), stderr);
});

test("the login of Docker's configuration lets create push and the reader find the index", async () => {
  for (const { registry, config } of [open, closed]) {
    const env = { DOCKER_CONFIG: config };
    const created = await socikit(["create", `${registry.host}/app:v1`], { env });
    assert.equal(created.code, 0, created.stderr);
    const file = await socikit(["cat", `${registry.host}/app:v1`, "/etc/motd"], { env });
    assert.equal(file.code, 0, file.stderr);
    assert.equal(file.stdout.toString(), MOTD);
  }
});
