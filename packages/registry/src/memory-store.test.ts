import { readAll } from "@socikit/oci";
import { expect, test } from "vitest";
import { createMemoryStore } from "./memory-store.ts";
import { collect, noise, pushBlob, pushImage, storeCases } from "./testing/store-cases.ts";

storeCases("createMemoryStore()", async () => createMemoryStore().repository("some/name"));

test("createMemoryStore() keeps repositories apart and lists those that hold something", async () => {
  const store = createMemoryStore();
  const image = await pushImage(store.repository("a/one"), 1);
  await store.repository("a/one").tag("v1", image);
  await expect(store.repository("a/two").resolve(image.digest)).rejects.toMatchObject({
    code: "ERR_REGISTRY_MANIFEST_UNKNOWN",
  });
  await expect(collect(store.repository("a/two").tags())).rejects.toMatchObject({
    code: "ERR_REGISTRY_REPOSITORY_UNKNOWN",
  });
  expect(await collect(store.repositories())).toEqual(["a/one"]);
});

test("createMemoryStore() mounts a blob from another repository, for which it stays", async () => {
  const store = createMemoryStore();
  const [one, two] = [store.repository("one"), store.repository("two")];
  const bytes = noise(5000, 1);
  const blob = await pushBlob(one, bytes, "");
  expect(await two.mount?.(blob.digest, "none")).toBe(false);
  expect(await two.mount?.(blob.digest, "one")).toBe(true);
  await one.deleteBlob?.(blob.digest);
  expect(await readAll(await two.stream(blob), 5000)).toEqual(bytes);
});

test("createMemoryStore() drops the oldest of too many unfinished uploads", async () => {
  const repository = createMemoryStore().repository("one");
  const uploads = [];
  for (let i = 0; i < 257; i++) uploads.push(await repository.begin());
  for (const upload of uploads) await upload.suspend();
  await expect(repository.resume(uploads[0]!.id)).rejects.toMatchObject({ code: "ERR_REGISTRY_UPLOAD_UNKNOWN" });
  expect((await repository.resume(uploads[1]!.id)).offset).toBe(0);
});

test("createMemoryStore() refuses names that are no repository names", () => {
  for (const name of ["", "A", "../x", "a//b", "a/"])
    expect(() => createMemoryStore().repository(name)).toThrow(TypeError);
});
