import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dockerCredentials } from "./docker-credentials.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "socikit-credentials-"));
});
afterEach(() => rm(home, { recursive: true }));

const config = (username: string): string => JSON.stringify({ auths: { "r.test": { username, password: "p" } } });
async function write(path: string, text: string): Promise<string> {
  const file = join(home, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
}
const user = async (env: Record<string, string> = {}, path?: string): Promise<unknown> => {
  const found = await dockerCredentials({ env: { HOME: home, ...env }, path })("r.test", "a/b");
  return found !== undefined && "username" in found ? found.username : undefined;
};

test("dockerCredentials() looks where docker and podman do, the first that is there", async () => {
  expect(await user()).toBeUndefined();
  await write(".config/containers/auth.json", config("podman"));
  expect(await user()).toBe("podman");
  const runtime = dirname(dirname(await write("run/containers/auth.json", config("runtime"))));
  expect(await user({ XDG_RUNTIME_DIR: runtime })).toBe("runtime");
  expect(await user({ XDG_RUNTIME_DIR: runtime, REGISTRY_AUTH_FILE: await write("auth.json", config("file")) })).toBe(
    "file",
  );
  await write(".docker/config.json", config("docker"));
  expect(await user({ XDG_RUNTIME_DIR: runtime })).toBe("docker");
  expect(await user({ DOCKER_CONFIG: dirname(await write("other/config.json", config("other"))) })).toBe("other");
  expect(await user({ DOCKER_AUTH_CONFIG: config("inline") })).toBe("inline");
  expect(await user({ DOCKER_AUTH_CONFIG: config("inline") }, await write("named.json", config("named")))).toBe(
    "named",
  );
});

test("dockerCredentials() names a file that cannot be read", async () => {
  const path = await write("bad.json", "{");
  await expect(user({}, path)).rejects.toMatchObject({
    code: "ERR_REGISTRY_CREDENTIALS",
    message: expect.stringContaining(path),
  });
  await expect(user({}, join(home, "missing"))).rejects.toMatchObject({ code: "ERR_REGISTRY_CREDENTIALS" });
  await expect(user({}, home)).rejects.toMatchObject({ code: "ERR_REGISTRY_CREDENTIALS" });
  await expect(user({ DOCKER_AUTH_CONFIG: "{" })).rejects.toMatchObject({ code: "ERR_REGISTRY_CREDENTIALS" });
});

test("dockerCredentials() knows which helper is configured, and does not run it", async () => {
  await write(
    ".docker/config.json",
    JSON.stringify({ credsStore: "desktop", credHelpers: { "ecr.test": "ecr-login" } }),
  );
  const provider = dockerCredentials({ env: { HOME: home } });
  expect(await provider("ecr.test", "a")).toBeUndefined();
  expect(await provider.helperFor?.("ecr.test")).toBe("ecr-login");
  expect(await provider.helperFor?.("docker.io")).toBe("desktop");
});
