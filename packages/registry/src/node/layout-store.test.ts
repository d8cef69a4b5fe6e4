import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf, hexOf, OCI_MANIFEST } from "@socikit/oci";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRegistryHandler } from "../server/handler.ts";
import { collect, expectBytes, noise, pushImage } from "../testing/store-cases.ts";
import { openLayoutDirectory } from "./layout-directory.ts";
import { openLayoutStore } from "./layout-store.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "socikit-store-"));
  for (const name of ["served/a/one", "served/a/one/inner", "served/two", "served/UPPER", "outside"]) {
    const layout = await openLayoutDirectory(join(root, name), { create: true });
    await layout.tag("v1", await pushImage(layout, name.length));
  }
  await mkdir(join(root, "served/empty"));
  await symlink(join(root, "outside"), join(root, "served/linked"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

test("openLayoutStore() serves each layout below the root by its relative name", async () => {
  const store = await openLayoutStore(join(root, "served"));
  expect(store.readOnly).toBe(true);
  expect(await collect(store.repositories())).toEqual(["a/one", "a/one/inner", "two"]);
  const { digest } = await store.repository("a/one").resolve("v1");
  expect(digest).not.toBe((await store.repository("two").resolve("v1")).digest);
  expect(await collect(store.repository("two").tags())).toEqual(["v1"]);
});

test.for([
  ["a folder that is no layout", "empty"],
  ["nothing", "nothing"],
  ["a link out of the root", "linked"],
  ["the blobs of a layout", "two/blobs"],
] as const)("openLayoutStore() has no repository for %s", async ([, name]) => {
  const repository = (await openLayoutStore(join(root, "served"))).repository(name);
  await expect(repository.resolve("v1")).rejects.toMatchObject({ code: "ERR_REGISTRY_REPOSITORY_UNKNOWN" });
  await expect(collect(repository.tags())).rejects.toMatchObject({ code: "ERR_REGISTRY_REPOSITORY_UNKNOWN" });
  expect(await repository.stat(digestOf(noise(1, 1)))).toBeUndefined();
  expect(await collect(repository.referrers(digestOf(noise(1, 1))))).toEqual([]);
});

test("openLayoutStore() has no blob whose link leads out of the root, and has one that leads within", async () => {
  const served = join(root, "served");
  const bytes = noise(99, 99);
  const digest = digestOf(bytes);
  const store = await openLayoutStore(served);
  const link = join(served, "two/blobs/sha256", hexOf(digest));
  await writeFile(join(root, "secret"), bytes);
  await symlink(join(root, "secret"), link);
  expect(await store.repository("two").stat(digest)).toBeUndefined();
  await rm(link);
  await writeFile(join(served, "empty", "shared"), bytes);
  await symlink(join(served, "empty", "shared"), link);
  expect(await store.repository("two").stat(digest)).toEqual({ size: 99 });
  await rm(link);
});

test("openLayoutStore() refuses names with a way up in them", async () => {
  const store = await openLayoutStore(join(root, "served"));
  for (const name of ["..", "../outside", "a/../two", "UPPER"]) expect(() => store.repository(name)).toThrow(TypeError);
});

test("openLayoutStore() of a layout is the repository of its own name, or of `image`", async () => {
  expect(await collect((await openLayoutStore(join(root, "served/two"))).repositories())).toEqual(["two"]);
  const upper = await openLayoutStore(join(root, "served/UPPER"));
  expect(await collect(upper.repositories())).toEqual(["image"]);
  expect(await collect(upper.repository("image").tags())).toEqual(["v1"]);
});

test("openLayoutStore() finds layouts that appear and forgets those that go", async () => {
  const store = await openLayoutStore(join(root, "served"));
  const directory = join(root, "served/late");
  await expect(store.repository("late").resolve("v1")).rejects.toThrow("no late");
  const layout = await openLayoutDirectory(directory, { create: true });
  await layout.tag("v1", await pushImage(layout, 77));
  expect(await collect(store.repository("late").tags())).toEqual(["v1"]);
  await rm(directory, { recursive: true });
  await expect(store.repository("late").resolve("v1")).rejects.toThrow("no late");
});

test("openLayoutStore() refuses every write", async () => {
  const repository = (await openLayoutStore(join(root, "served"))).repository("two");
  const image = await repository.resolve("v1");
  const refused = { code: "ERR_REGISTRY_READ_ONLY" };
  await expect(repository.pushManifest(new Uint8Array(0), OCI_MANIFEST)).rejects.toMatchObject(refused);
  await expect(repository.tag("v2", image)).rejects.toMatchObject(refused);
  await expect(repository.begin()).rejects.toMatchObject(refused);
  await expect(repository.resume("x")).rejects.toMatchObject(refused);
  await expect(repository.untag("v1")).rejects.toMatchObject(refused);
  await expect(repository.deleteManifest(image.digest)).rejects.toMatchObject(refused);
});

test("openLayoutStore() behind the handler serves ranges, and 404 for what is not there", async () => {
  const handler = createRegistryHandler(await openLayoutStore(join(root, "served")));
  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    handler(new Request(`http://registry.test${path}`, { headers }));
  const seed = "served/two".length;
  const layer = noise(1000 + seed, seed);
  const ranged = await get(`/v2/two/blobs/${digestOf(layer)}`, { range: "bytes=100-199" });
  expect(ranged.status).toBe(206);
  expectBytes(new Uint8Array(await ranged.arrayBuffer()), layer.subarray(100, 200));
  expect((await get("/v2/two/manifests/v1")).status).toBe(200);
  expect((await get("/v2/nothing/manifests/v1")).status).toBe(404);
  expect((await get(`/v2/two/manifests/${digestOf(layer)}`)).status).toBe(404);
});
