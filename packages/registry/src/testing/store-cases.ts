import {
  BlobCheck,
  bytesSource,
  digestOf,
  encodeIndex,
  encodeManifest,
  OCI_CONFIG,
  OCI_EMPTY,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
  readAll,
  type BlobWriter,
  type Descriptor,
  type Digest,
  type ManifestWriter,
} from "@socikit/oci";
import { describe, expect, test } from "vitest";
import type { StoreRepository } from "../store.ts";

/** A repository under test: writable, and empty at first. */
export type OpenRepository = () => Promise<Omit<StoreRepository, "mount">>;

/** Pseudo-random bytes, the same for the same seed. */
export function noise(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** Uploads a blob in pieces of odd sizes. */
export async function pushBlob(target: BlobWriter, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  const digest = digestOf(bytes);
  const upload = await target.begin();
  for (let at = 0, step = 1; at < bytes.length; at += step, step = step * 3 + 1) {
    await upload.write(bytes.subarray(at, at + step));
    step = Math.min(step, bytes.length - at);
  }
  await upload.commit(digest);
  return { mediaType, digest, size: bytes.length };
}

/** Writes an image of one layer. Images of different seeds differ. */
export async function pushImage(
  target: BlobWriter & ManifestWriter,
  seed: number,
  more: { readonly subject?: Descriptor; readonly artifactType?: string } = {},
): Promise<Descriptor> {
  const config = await pushBlob(target, new TextEncoder().encode(`{"architecture":"amd64","n":${seed}}`), OCI_CONFIG);
  const layer = await pushBlob(target, noise(1000 + seed, seed), OCI_LAYER_GZIP);
  const bytes = encodeManifest({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer], ...more });
  return target.pushManifest(bytes, OCI_MANIFEST);
}

/** Asserts that bytes are equal. The test runner's own comparison takes five seconds for a megabyte. */
export function expectBytes(found: Uint8Array, expected: Uint8Array): void {
  expect({ size: found.length, digest: digestOf(found) }).toEqual({
    size: expected.length,
    digest: digestOf(expected),
  });
}

/** The items of an async iterable. */
export async function collect<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of iterable) items.push(item);
  return items;
}

/** What every writable repository does, wherever it keeps things. */
export function storeCases(name: string, openRepository: OpenRepository): void {
  describe(name, () => {
    test("stores a blob, and reads it whole, in ranges and as a stream", async () => {
      const repository = await openRepository();
      const bytes = noise(700_001, 1);
      const blob = await pushBlob(repository, bytes, "");
      expect(await repository.stat(blob.digest)).toEqual({ size: bytes.length });
      const source = await repository.open(blob);
      expect(source.size).toBe(bytes.length);
      const reference = bytesSource(bytes);
      for (const [offset, length] of [
        [0, 700_001],
        [262_143, 2],
        [262_144, 262_144],
        [700_000, 1],
        [700_001, 0],
      ] as const) {
        const expected = await reference.read(offset, length);
        expectBytes(await source.read(offset, length), expected);
        if (source.stream !== undefined) expectBytes(await readAll(source.stream(offset, length), length), expected);
      }
      await expect(source.read(700_000, 2)).rejects.toBeInstanceOf(RangeError);
      await source.close?.();
      expectBytes(await readAll(await repository.stream(blob), bytes.length), bytes);
    });

    test("stores an empty blob", async () => {
      const repository = await openRepository();
      const blob = await pushBlob(repository, new Uint8Array(0), "");
      expect(await repository.stat(blob.digest)).toEqual({ size: 0 });
      expect(await readAll(await repository.stream(blob), 0)).toEqual(new Uint8Array(0));
    });

    test("commit() under another digest fails and stores nothing", async () => {
      const repository = await openRepository();
      const bytes = noise(100, 2);
      const wrong = digestOf(noise(100, 3));
      const upload = await repository.begin();
      await upload.write(bytes);
      await expect(upload.commit(wrong)).rejects.toMatchObject({ code: "ERR_OCI_DIGEST_MISMATCH" });
      expect(await repository.stat(wrong)).toBeUndefined();
      expect(await repository.stat(digestOf(bytes))).toBeUndefined();
      await expect(repository.resume(upload.id)).rejects.toMatchObject({ code: "ERR_REGISTRY_UPLOAD_UNKNOWN" });
    });

    test("commit() takes a digest of another algorithm than the upload began with", async () => {
      const repository = await openRepository();
      const bytes = noise(300_000, 4);
      for (const algorithm of ["sha256", "sha512"] as const) {
        const upload = await repository.begin({ algorithm });
        await upload.write(bytes);
        const digest = digestOf(bytes, algorithm === "sha256" ? "sha512" : "sha256");
        expect(await upload.commit(digest)).toMatchObject({ digest, size: bytes.length });
        expectBytes(await readAll(await repository.stream({ digest, size: bytes.length }), bytes.length), bytes);
      }
    });

    test.for([
      ["has passed", 0, true],
      ["has not been told", 300_000, true],
      ["is of more bytes than were written", -1, false],
    ] as const)(
      "commit() stores what is its digest, where a check of the bytes on their way %s",
      async ([, unseen, isStored]) => {
        const repository = await openRepository();
        const bytes = noise(300_000, 7);
        const blob = { digest: digestOf(bytes), size: bytes.length };
        const check = new BlobCheck(blob);
        const upload = await repository.begin({ expect: blob, check });
        check.update(bytes.subarray(Math.max(0, unseen)));
        await upload.write(bytes.subarray(Math.max(0, -unseen)));
        const committing = upload.commit(blob.digest);
        if (isStored) {
          await committing;
          expectBytes(await readAll(await repository.stream(blob), bytes.length), bytes);
        } else {
          await expect(committing).rejects.toMatchObject({ code: "ERR_OCI_DIGEST_MISMATCH" });
          expect(await repository.stat(blob.digest)).toBeUndefined();
        }
      },
    );

    test("resume() goes on where a suspended upload was, one writer at a time", async () => {
      const repository = await openRepository();
      const bytes = noise(500_000, 5);
      const first = await repository.begin();
      await first.write(bytes.subarray(0, 300_001));
      await expect(repository.resume(first.id)).rejects.toMatchObject({ code: "ERR_REGISTRY_UPLOAD_BUSY" });
      await first.suspend();
      const second = await repository.resume(first.id);
      expect(second.offset).toBe(300_001);
      await second.write(bytes.subarray(300_001));
      await second.commit(digestOf(bytes));
      const blob = { digest: digestOf(bytes), size: bytes.length };
      expectBytes(await readAll(await repository.stream(blob), bytes.length), bytes);
    });

    test("abort() throws an upload away, and may be called again", async () => {
      const repository = await openRepository();
      const upload = await repository.begin();
      await upload.write(noise(10, 6));
      await upload.abort();
      await upload.abort();
      await expect(repository.resume(upload.id)).rejects.toMatchObject({ code: "ERR_REGISTRY_UPLOAD_UNKNOWN" });
    });

    test("resume() refuses ids that nobody gave out", async () => {
      const repository = await openRepository();
      for (const id of ["", "x", "../../etc/passwd", "0".repeat(32)]) {
        await expect(repository.resume(id)).rejects.toMatchObject({ code: "ERR_REGISTRY_UPLOAD_UNKNOWN" });
      }
    });

    test("open() and stream() of what is not there, or has another size, fail", async () => {
      const repository = await openRepository();
      const blob = await pushBlob(repository, noise(10, 7), "");
      const missing = { digest: digestOf(noise(10, 8)), size: 10 };
      await expect(repository.open(missing)).rejects.toMatchObject({ code: "ERR_REGISTRY_BLOB_UNKNOWN" });
      await expect(repository.open({ ...blob, size: 11 })).rejects.toMatchObject({ code: "ERR_OCI_SIZE_MISMATCH" });
      await expect(repository.stream({ ...blob, size: 9 })).rejects.toMatchObject({ code: "ERR_OCI_SIZE_MISMATCH" });
    });

    test("deleteBlob() removes it", async () => {
      const repository = await openRepository();
      const { digest } = await pushBlob(repository, noise(10, 9), "");
      await repository.deleteBlob?.(digest);
      expect(await repository.stat(digest)).toBeUndefined();
      await expect(repository.deleteBlob?.(digest)).rejects.toMatchObject({ code: "ERR_REGISTRY_BLOB_UNKNOWN" });
    });

    test("keeps a manifest's bytes and type, by digest and by tag", async () => {
      const repository = await openRepository();
      const image = await pushImage(repository, 1);
      await repository.tag("v1", image);
      for (const target of ["v1", image.digest, image]) {
        const { descriptor, bytes } = await repository.fetchManifest(target);
        expect(descriptor).toEqual(image);
        expect(digestOf(bytes)).toBe(image.digest);
      }
      expect(await repository.resolve("v1")).toEqual(image);
      expect(await repository.resolve(image.digest)).toEqual(image);
      await expect(repository.fetchManifest({ ...image, size: 1 })).rejects.toMatchObject({
        code: "ERR_OCI_SIZE_MISMATCH",
      });
    });

    test("stores a manifest under its SHA-512", async () => {
      const repository = await openRepository();
      const { digest } = await pushImage(repository, 2);
      const { bytes } = await repository.fetchManifest(digest);
      const stored = await repository.pushManifest(bytes, OCI_MANIFEST, { algorithm: "sha512" });
      expect(stored.digest).toBe(digestOf(bytes, "sha512"));
      expect((await repository.fetchManifest(stored.digest)).bytes).toEqual(bytes);
    });

    test("pushManifest() refuses what is no manifest", async () => {
      const repository = await openRepository();
      for (const text of ["", "{}", "[]", '{"schemaVersion":2}']) {
        await expect(repository.pushManifest(new TextEncoder().encode(text), OCI_MANIFEST)).rejects.toMatchObject({
          code: "ERR_OCI_INVALID_MANIFEST",
        });
      }
    });

    test("what is not there is unknown", async () => {
      const repository = await openRepository();
      const image = await pushImage(repository, 3);
      const missing = digestOf(noise(5, 5));
      const layer = digestOf(noise(1003, 3));
      const unknown = { code: "ERR_REGISTRY_MANIFEST_UNKNOWN" };
      await expect(repository.resolve("nothing")).rejects.toMatchObject(unknown);
      await expect(repository.resolve(missing)).rejects.toMatchObject(unknown);
      await expect(repository.fetchManifest(missing)).rejects.toMatchObject(unknown);
      // A blob that is no manifest is none, whoever asks for it as one.
      await expect(repository.fetchManifest(layer)).rejects.toMatchObject(unknown);
      await expect(repository.tag("v1", { ...image, digest: missing })).rejects.toMatchObject(unknown);
      await expect(repository.untag("nothing")).rejects.toMatchObject(unknown);
      await expect(repository.deleteManifest(missing)).rejects.toMatchObject(unknown);
      await expect(repository.tag("not a tag", image)).rejects.toBeInstanceOf(TypeError);
    });

    test("tag() moves a tag, and compares before it sets where asked", async () => {
      const repository = await openRepository();
      const [one, two] = [await pushImage(repository, 4), await pushImage(repository, 5)];
      await repository.tag("b", one, { expected: null });
      await repository.tag("a", one);
      const changed = { code: "ERR_REGISTRY_TAG_CHANGED" };
      await expect(repository.tag("b", two, { expected: null })).rejects.toMatchObject(changed);
      await expect(repository.tag("b", two, { expected: two.digest })).rejects.toMatchObject(changed);
      await repository.tag("b", two, { expected: one.digest });
      expect((await repository.resolve("b")).digest).toBe(two.digest);
      expect((await repository.resolve("a")).digest).toBe(one.digest);
      expect(await collect(repository.tags())).toEqual(["a", "b"]);
    });

    test("untag() leaves the manifest, deleteManifest() takes its tags along", async () => {
      const repository = await openRepository();
      const image = await pushImage(repository, 6);
      for (const tag of ["a", "b", "c"]) await repository.tag(tag, image);
      await repository.untag("a");
      expect(await collect(repository.tags())).toEqual(["b", "c"]);
      expect(await repository.resolve(image.digest)).toEqual(image);
      await repository.deleteManifest(image.digest);
      expect(await collect(repository.tags())).toEqual([]);
      await expect(repository.resolve(image.digest)).rejects.toMatchObject({ code: "ERR_REGISTRY_MANIFEST_UNKNOWN" });
    });

    test("lists referrers in the order they came, tagged or not, whether their subject is there or not", async () => {
      const repository = await openRepository();
      const subject: Descriptor = { mediaType: OCI_MANIFEST, digest: digestOf(noise(1, 1)), size: 1 };
      const first = await pushImage(repository, 7, { subject, artifactType: "application/vnd.example.one" });
      await repository.tag("tagged", first);
      const second = await pushImage(repository, 8, { subject });
      const index = encodeIndex({
        schemaVersion: 2,
        mediaType: OCI_INDEX,
        manifests: [first],
        subject,
        annotations: { a: "b" },
      });
      const third = await repository.pushManifest(index, OCI_INDEX);
      expect(await collect(repository.referrers(subject.digest))).toEqual([
        { ...first, artifactType: "application/vnd.example.one" },
        { ...second, artifactType: OCI_CONFIG },
        { ...third, annotations: { a: "b" } },
      ]);
      const digests = async (artifactType: string): Promise<readonly Digest[]> =>
        (await collect(repository.referrers(subject.digest, { artifactType }))).map(({ digest }) => digest);
      expect(await digests("application/vnd.example.one")).toEqual([first.digest]);
      expect(await digests(OCI_CONFIG)).toEqual([second.digest]);
      expect(await digests("application/none")).toEqual([]);
      expect(await collect(repository.referrers(first.digest))).toEqual([]);
      await repository.untag("tagged");
      expect(await collect(repository.referrers(subject.digest))).toHaveLength(3);
      await repository.deleteManifest(first.digest);
      expect((await collect(repository.referrers(subject.digest))).map(({ digest }) => digest)).toEqual([
        second.digest,
        third.digest,
      ]);
    });

    test("pushing the same twice changes nothing", async () => {
      const repository = await openRepository();
      const subject: Descriptor = { mediaType: OCI_MANIFEST, digest: digestOf(noise(1, 2)), size: 1 };
      const artifact = { subject, artifactType: "application/vnd.example.one" };
      expect(await pushImage(repository, 9, artifact)).toEqual(await pushImage(repository, 9, artifact));
      await pushBlob(repository, new TextEncoder().encode("{}"), OCI_EMPTY);
      await pushBlob(repository, new TextEncoder().encode("{}"), OCI_EMPTY);
      expect(await collect(repository.referrers(subject.digest))).toHaveLength(1);
    });

    test("an aborted signal rejects with its reason", async () => {
      const repository = await openRepository();
      const image = await pushImage(repository, 10);
      const signal = AbortSignal.abort(new Error("enough"));
      const enough = { message: "enough" };
      await expect(repository.resolve(image.digest, { signal })).rejects.toMatchObject(enough);
      await expect(repository.fetchManifest(image, { signal })).rejects.toMatchObject(enough);
      await expect(repository.stat(image.digest, { signal })).rejects.toMatchObject(enough);
      await expect(repository.begin({ signal })).rejects.toMatchObject(enough);
      await expect(repository.tag("v1", image, { signal })).rejects.toMatchObject(enough);
    });
  });
}
