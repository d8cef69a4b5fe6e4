import { expect, test } from "vitest";
import { bytesSource } from "./blob-source.ts";
import type { Descriptor } from "./descriptor.ts";
import { digestOf } from "./digest.ts";
import type { BlobReader, ManifestReader } from "./ports.ts";
import { readAll, verifyStream } from "./read-stream.ts";
import { verifiedContent } from "./verified-content.ts";

const BYTES = new TextEncoder().encode('{"schemaVersion":2}');
const DESCRIPTOR: Descriptor = { mediaType: "x", digest: digestOf(BYTES), size: BYTES.length };

/** A port that gives these bytes for whatever it is asked for, and says what it is told to. */
function lying(bytes: Uint8Array, said: Descriptor = DESCRIPTOR): ManifestReader & BlobReader {
  return {
    resolve: async () => said,
    fetchManifest: async () => ({ descriptor: said, bytes }),
    stat: async () => ({ size: bytes.length }),
    open: async () => bytesSource(bytes),
    stream: async () => new Response(bytes.slice()).body!,
  };
}

const OTHER = new TextEncoder().encode('{"schemaVersion":3}');

test.for<readonly [what: string, bytes: Uint8Array, target: string | Descriptor, code: string]>([
  ["other bytes for a descriptor", OTHER, DESCRIPTOR, "ERR_OCI_DIGEST_MISMATCH"],
  ["other bytes for a digest", OTHER, DESCRIPTOR.digest, "ERR_OCI_DIGEST_MISMATCH"],
  ["bytes that are not what the port says, for a tag", OTHER, "latest", "ERR_OCI_DIGEST_MISMATCH"],
  ["too few bytes", BYTES.subarray(1), DESCRIPTOR, "ERR_OCI_SIZE_MISMATCH"],
  ["another manifest, truly described, for a digest", BYTES, digestOf(OTHER), "ERR_OCI_DIGEST_MISMATCH"],
])("verifiedContent() refuses %s", async ([, bytes, target, code]) => {
  await expect(verifiedContent(lying(bytes)).fetchManifest(target)).rejects.toMatchObject({ code });
});

test("verifiedContent() gives what fits, by descriptor, digest and tag", async () => {
  const content = verifiedContent(lying(BYTES));
  for (const target of [DESCRIPTOR, DESCRIPTOR.digest, "latest"])
    expect(await content.fetchManifest(target)).toEqual({ descriptor: DESCRIPTOR, bytes: BYTES });
  // Asked for by another algorithm, it is described by that one.
  const digest = digestOf(BYTES, "sha512");
  expect((await content.fetchManifest(digest)).descriptor.digest).toBe(digest);
  expect(await readAll(await content.stream(DESCRIPTOR), 100)).toEqual(BYTES);
});

test("verifiedContent() ends a stream of other bytes with an error", async () => {
  const stream = await verifiedContent(lying(OTHER)).stream(DESCRIPTOR);
  await expect(readAll(stream, 100)).rejects.toMatchObject({ code: "ERR_OCI_DIGEST_MISMATCH" });
});

test("verifyStream() gives back a stream that it checks for the same blob already, and no other", () => {
  const stream = verifyStream(new Response(BYTES.slice()).body!, DESCRIPTOR);
  expect(verifyStream(stream, { ...DESCRIPTOR })).toBe(stream);
  expect(verifyStream(stream, { digest: digestOf(OTHER), size: BYTES.length })).not.toBe(stream);
});
