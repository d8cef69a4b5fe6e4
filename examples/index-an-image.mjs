// Indexes an image in its registry: reads each layer once, pushes the zTOCs and the SOCI index, and finds the index again
// as whoever starts the image would.
//
//   node examples/index-an-image.mjs [host/repository:tag]
//
// Without an argument, a registry with a small image is started in this process.
import assert from "node:assert/strict";
import { decodeManifest } from "@socikit/oci";
import { openRepository } from "@socikit/registry";
import { dockerCredentials, nodeTransport } from "@socikit/registry/node";
import { discoverSociIndex } from "@socikit/soci-index";
import { createIndex } from "@socikit/soci-index/build";
import { startSampleRegistry } from "./sample-registry.mjs";

const sample = process.argv[2] === undefined ? await startSampleRegistry() : undefined;
const reference = process.argv[2] ?? sample.reference;
const transport = nodeTransport();
try {
  const repository = openRepository(reference, { transport, credentials: dockerCredentials() });
  const tagOrDigest = repository.reference.digest ?? repository.reference.tag ?? "latest";

  const result = await createIndex({ image: repository, target: repository }, tagOrDigest, {
    // The sample's layers are small. For real images leave the default, 10 MiB: below, a zTOC saves nothing.
    ...(sample === undefined ? {} : { minLayerSize: 0, spanSize: 1024 * 1024 }),
    onEvent: (event) => {
      if (event.type === "layer-indexed") console.log(`layer ${event.layer}\n   -> ${event.ztoc.digest}`);
    },
  });

  for (const { manifest, index } of result.indexes) {
    console.log(`index ${index.digest}`);
    const { descriptor, bytes } = await repository.fetchManifest(manifest);
    const found = await discoverSociIndex({ index: repository }, { descriptor, manifest: decodeManifest(bytes) });
    assert.equal(found?.descriptor.digest, index.digest);
    console.log(`found by its ${found.via}: ${found.index.blobs.length} zTOCs`);
  }
} finally {
  await transport.close();
  await sample?.close();
}
