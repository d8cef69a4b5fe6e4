import { expect, test } from "vitest";
import { bytesSource } from "./blob-source.ts";
import { chooseImages, type ImageChoice } from "./choose-images.ts";
import type { Descriptor } from "./descriptor.ts";
import { digestOf } from "./digest.ts";
import { encodeGoJson, encodeIndex, encodeManifest } from "./go-json.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_MANIFEST } from "./media-types.ts";
import { MAX_MANIFEST_SIZE } from "./manifest.ts";
import { parsePlatform, type Platform } from "./platform.ts";
import type { BlobReader, ManifestReader } from "./ports.ts";

/** Documents by digest, and a port to them. */
function content(): {
  readonly port: ManifestReader & BlobReader;
  readonly fetched: string[];
  put(bytes: Uint8Array, mediaType: string, more?: Partial<Descriptor>): Descriptor;
  image(platform: string, more?: Partial<Descriptor>): Descriptor;
  index(...manifests: readonly Descriptor[]): Descriptor;
} {
  const documents = new Map<string, { readonly bytes: Uint8Array; readonly descriptor: Descriptor }>();
  const fetched: string[] = [];
  const put = (bytes: Uint8Array, mediaType: string, more?: Partial<Descriptor>): Descriptor => {
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
    documents.set(descriptor.digest, { bytes, descriptor });
    return { ...descriptor, ...more };
  };
  return {
    fetched,
    put,
    image(text, more) {
      const { os, architecture, variant } = parsePlatform(text);
      const config = put(encodeGoJson({ os, architecture, variant }), OCI_CONFIG);
      return put(encodeManifest({ schemaVersion: 2, config, layers: [] }), OCI_MANIFEST, more);
    },
    index: (...manifests) => put(encodeIndex({ schemaVersion: 2, manifests }), OCI_INDEX),
    port: {
      resolve: async (digest) => documents.get(digest)!.descriptor,
      async fetchManifest(target) {
        const digest = typeof target === "string" ? target : target.digest;
        fetched.push(digest);
        return documents.get(digest)!;
      },
      stat: async () => undefined,
      open: async ({ digest }) => bytesSource(documents.get(digest)!.bytes),
      stream: async ({ digest }) => new Response(documents.get(digest)!.bytes.slice()).body!,
    },
  };
}

const AMD = parsePlatform("linux/amd64");
const ARM = parsePlatform("linux/arm64");
const S390: Platform = { os: "linux", architecture: "s390x" };

async function chosen(
  store: ReturnType<typeof content>,
  top: Descriptor,
  choice: ImageChoice,
): Promise<readonly string[]> {
  return (await chooseImages(store.port, top.digest, { hostPlatform: AMD, ...choice })).images.map(
    ({ descriptor }) => descriptor.digest,
  );
}

test.for(["unknown/unknown", "linux/unknown", "unknown/amd64"])(
  "chooseImages() takes a child of %s for no image, and does not look at it",
  async (text) => {
    const [os, architecture] = text.split("/") as [string, string];
    const store = content();
    const image = store.image("linux/amd64", { platform: AMD });
    const attestation = store.image("linux/arm64", { platform: { os, architecture } });
    const top = store.index(attestation, image);
    expect(await chosen(store, top, { platforms: "all" })).toEqual([image.digest]);
    // The only one there is.
    expect(await chosen(store, top, { hostPlatform: S390 })).toEqual([image.digest]);
    expect(store.fetched).not.toContain(attestation.digest);
    await expect(chosen(store, top, { platforms: [{ os, architecture }] })).rejects.toMatchObject({
      code: "ERR_OCI_PLATFORM_NOT_FOUND",
    });
  },
);

test("chooseImages() looks below children without a platform, where none that has one fits", async () => {
  const store = content();
  const amd = store.image("linux/amd64", { platform: AMD });
  const [arm, nested] = [store.image("linux/arm64"), store.image("linux/s390x", { platform: S390 })];
  const top = store.index(arm, store.index(nested), amd);
  expect(await chosen(store, top, {})).toEqual([amd.digest]);
  expect(store.fetched).toEqual([top.digest, amd.digest]);
  expect(await chosen(store, top, { platforms: [S390, ARM] })).toEqual([nested.digest, arm.digest]);
  expect(await chosen(store, top, { platforms: "all" })).toEqual([arm.digest, nested.digest, amd.digest]);
  await expect(chosen(store, top, { platforms: [parsePlatform("linux/386")] })).rejects.toMatchObject({
    code: "ERR_OCI_PLATFORM_NOT_FOUND",
  });
});

test("chooseImages() takes a single image whatever is asked for, unless it is to be checked", async () => {
  const store = content();
  const image = store.image("linux/arm64");
  expect(await chosen(store, image, { platforms: [AMD] })).toEqual([image.digest]);
  expect(await chosen(store, image, { platforms: [ARM], checkSingle: true })).toEqual([image.digest]);
  await expect(chosen(store, image, { platforms: [AMD], checkSingle: true })).rejects.toMatchObject({
    code: "ERR_OCI_PLATFORM_NOT_FOUND",
    message: expect.stringMatching(/it has linux\/arm64$/),
  });
});

test("chooseImages() believes no port", async () => {
  const store = content();
  const amd = store.image("linux/amd64", { platform: AMD });
  const top = store.index(amd);
  const other = store.index();
  const lying: typeof store.port = {
    ...store.port,
    fetchManifest: (target) => store.port.fetchManifest(typeof target === "string" ? target : other.digest),
  };
  await expect(chooseImages(lying, top.digest, {})).rejects.toMatchObject({ code: "ERR_OCI_SIZE_MISMATCH" });
});

test("chooseImages() takes a platform from a config only where it is the config that the image names", async () => {
  const store = content();
  const image = store.image("linux/arm64");
  const choice = { platforms: [AMD], checkSingle: true };
  const from = (port: Partial<typeof store.port>): Promise<unknown> =>
    chooseImages({ ...store.port, ...port }, image.digest, choice);
  // Of the platform that is asked for, and as long: arm64 and amd64 are.
  const other = encodeGoJson({ os: "linux", architecture: "amd64" });
  await expect(from({ stream: async () => new Response(other.slice()).body! })).rejects.toMatchObject({
    code: "ERR_OCI_DIGEST_MISMATCH",
  });
});

test("chooseImages() reads no config that is larger than a manifest may be, and knows no platform by an empty one", async () => {
  const store = content();
  const single = (config: Descriptor): Descriptor =>
    store.put(encodeManifest({ schemaVersion: 2, config, layers: [] }), OCI_MANIFEST);
  const bytes = encodeGoJson({ os: "", architecture: "amd64" });
  const large = single({ mediaType: OCI_CONFIG, digest: digestOf(bytes), size: MAX_MANIFEST_SIZE + 1 });
  let isRead = false;
  const port: typeof store.port = {
    ...store.port,
    stream(blob) {
      isRead = true;
      return store.port.stream(blob);
    },
  };
  await expect(chooseImages(port, large.digest, {})).rejects.toMatchObject({ code: "ERR_OCI_TOO_LARGE" });
  expect(isRead).toBe(false);

  const empty = single(store.put(bytes, OCI_CONFIG));
  const { images } = await chooseImages(port, empty.digest, { platforms: [ARM], checkSingle: true });
  expect([images[0]?.descriptor.digest, images[0]?.platform, isRead]).toEqual([empty.digest, undefined, true]);
});
