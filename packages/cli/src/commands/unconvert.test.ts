import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryStore, handlerTransport, type Store, type Transport } from "@socikit/registry";
import { createRegistryHandler } from "@socikit/registry/server";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { main } from "../main.ts";
import { noise, pushImage, type TestImage } from "../testing/test-image.ts";
import { testIo, type TestIo } from "../testing/test-io.ts";

const IMAGE: TestImage = { layers: [[{ name: "numbers", text: noise(5000) }], [{ name: "hostname", text: "test\n" }]] };

let folder = "";
let store: Store;
let transport: Transport;
let original = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "socikit-unconvert-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  store = createMemoryStore();
  transport = handlerTransport(createRegistryHandler(store));
  const repository = store.repository("a/image");
  const image = await pushImage(repository, IMAGE);
  await repository.tag("1", image);
  original = image.digest;
});

async function run(...args: readonly string[]): Promise<TestIo & { code: number }> {
  const io = testIo({ transport });
  return { ...io, code: await main(args, io) };
}

const SRC = "registry.test/a/image:1";
const SOCI = "registry.test/b/image:soci";
const convert = (...options: readonly string[]): Promise<TestIo & { code: number }> =>
  run("convert", SRC, SOCI, "--min-layer-size", "0", "-q", ...options);

test("unconvert gives back the image of a record, anywhere, and says what became of what", async () => {
  const converted = (await convert("--keep-originals")).stdout.text().trim();
  for (const to of ["registry.test/c/image:1", `oci-layout:${folder}/layout:1`, `oci-archive:${folder}/image.tar`]) {
    const made = await run("unconvert", SOCI, to);
    expect([made.code, made.stdout.text()]).toEqual([
      0,
      expect.stringMatching(
        new RegExp(`^manifest sha256:[0-9a-f]{64} -> ${original}\nimage ${converted} -> ${original}\n$`),
      ),
    ]);
    const listed = await run("ls", to, "/");
    expect(listed.stdout.text()).toBe("hostname\nnumbers\n");
  }
  expect((await store.repository("c/image").resolve("1")).digest).toBe(original);
});

test("unconvert finds the original where DST, another place or its digest tells of it", async () => {
  await convert();
  const unknown = await run("unconvert", SOCI, "registry.test/c/image:1");
  expect([unknown.code, unknown.stdout.text(), unknown.stderr.text()]).toEqual([
    1,
    "",
    expect.stringMatching(/there is no record.*\n.*--original sha256/),
  ]);
  await expect(store.repository("c/image").resolve("1")).rejects.toThrow();
  for (const args of [
    ["registry.test/c/image:1", "--original", original],
    ["registry.test/d/image:1", "--place", SRC],
    ["registry.test/a/image:again"],
  ]) {
    const made = await run("unconvert", SOCI, ...args, "-q");
    expect([made.code, made.stdout.text(), made.stderr.text()]).toEqual([0, `${original}\n`, ""]);
  }
  const json = await run("unconvert", SOCI, "registry.test/d/image:2", "--place", SRC, "--json");
  expect(JSON.parse(json.stdout.text())).toMatchObject({
    image: { digest: original },
    location: "registry.test/d/image:2",
    via: "digest",
    manifests: [{ to: { digest: original } }],
  });
});

test.for<readonly [args: readonly string[], code: number, error: RegExp, reason: string]>([
  [[SRC, "registry.test/c/image:1"], 2, /no v2 SOCI index.*\n.*only what convert/, "an image that was not converted"],
  [[SRC, "registry.test/c/image:1", "--original", "1"], 2, /"1" is not a digest/, "a digest that is none"],
  [["registry.test/a/image:9", "registry.test/c/image:1"], 3, /image:9/, "a tag that is not there"],
])("unconvert %j ends with %s", async ([args, code, error]) => {
  const result = await run("unconvert", ...args);
  expect([result.code, result.stdout.text(), result.stderr.text()]).toEqual([code, "", expect.stringMatching(error)]);
});
