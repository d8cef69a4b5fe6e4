import { isDigest } from "./digest.ts";
import type { BlobReader, ManifestReader } from "./ports.ts";
import { verifyStream } from "./read-stream.ts";
import { verifyBytes } from "./verify-bytes.ts";

/**
 * The same manifests and blobs, checked here: a manifest against the digest and size it was asked for by (by a tag, against
 * what the port says it is), a streamed blob against both. What a port promises of its own bytes need not be believed then.
 * `open` gives parts, which whoever reads them checks.
 *
 * A blob that the port has streamed through {@linkcode verifyStream} itself is not hashed twice.
 */
export function verifiedContent(port: ManifestReader & BlobReader): ManifestReader & BlobReader {
  return { ...verifiedManifests(port), ...blobsOf(port) };
}

/** As {@linkcode verifiedContent}, of manifests alone. */
export function verifiedManifests(port: ManifestReader): ManifestReader {
  return {
    resolve: (tagOrDigest, options) => port.resolve(tagOrDigest, options),
    async fetchManifest(target, options) {
      const fetched = await port.fetchManifest(target, options);
      const expect = typeof target === "string" ? fetched.descriptor : target;
      const digest = typeof target === "string" && isDigest(target) ? target : expect.digest;
      verifyBytes(fetched.bytes, { digest, size: expect.size });
      return { descriptor: { ...fetched.descriptor, digest, size: expect.size }, bytes: fetched.bytes };
    },
  };
}

function blobsOf(port: BlobReader): BlobReader {
  return {
    stat: (digest, options) => port.stat(digest, options),
    open: (blob, options) => port.open(blob, options),
    stream: async (blob, options) => verifyStream(await port.stream(blob, options), blob),
  };
}
