// `npm run demo -- IMAGE` with an image of docker-registry behind a token server: it is copied to the demo's own registry, and its source is
// not written to.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { output, run } from "./programs.mjs";
import { startDockerRegistry } from "./registries.mjs";
import { startTokenServer } from "./token-server.mjs";

const [USER, PASSWORD] = ["alice", "s3cret"];
const work = mkdtempSync(join(tmpdir(), "socikit-demo-"));
let tokens;
let registry;

before(async () => {
  tokens = await startTokenServer(work, { user: USER, password: PASSWORD, anonymous: false });
  registry = await startDockerRegistry(work, { tokenServer: tokens });
  await output("skopeo", [
    "copy",
    "--dest-tls-verify=false",
    "--dest-creds",
    `${USER}:${PASSWORD}`,
    `oci:${process.env.SOCIKIT_RABBITMQ_IMAGE}:rabbitmq`,
    `docker://${registry.host}/team/rabbitmq:3`,
  ]);
  mkdirSync(join(work, "docker"));
  const auth = Buffer.from(`${USER}:${PASSWORD}`).toString("base64");
  writeFileSync(join(work, "docker/config.json"), JSON.stringify({ auths: { [registry.host]: { auth } } }));
});
after(async () => {
  await registry?.stop();
  await tokens?.stop();
  rmSync(work, { recursive: true, force: true });
});

test("npm run demo -- IMAGE of a registry that wants a login", async (t) => {
  const before = tokens.asked.length;
  const { code, stdout, stderr, milliseconds } = await run(
    "npm",
    ["run", "demo", "--", `${registry.host}/team/rabbitmq:3`],
    {
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      env: { DOCKER_CONFIG: join(work, "docker"), NO_COLOR: "1" },
      timeoutMs: 300_000,
    },
  );
  assert.equal(code, 0, `${stdout}${stderr}`);
  for (const line of stdout.toString().trimEnd().split("\n").slice(-16)) t.diagnostic(line);
  t.diagnostic(`${(milliseconds / 1000).toFixed(0)} s`);
  const asked = tokens.asked.slice(before);
  assert.ok(asked.length > 0);
  assert.deepEqual(
    asked.filter(({ scope }) => scope.includes("push")),
    [],
  );
});

test("the source is as it was", async () => {
  const tags = JSON.parse(
    await output("skopeo", [
      "list-tags",
      "--tls-verify=false",
      "--creds",
      `${USER}:${PASSWORD}`,
      `docker://${registry.host}/team/rabbitmq`,
    ]),
  ).Tags;
  assert.deepEqual(tags, ["3"]);
});
