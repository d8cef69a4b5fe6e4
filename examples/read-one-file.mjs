// Reads one file of a remote image, and says how much of the image came over the wire for it.
//
//   node examples/read-one-file.mjs [host/repository:tag /path/in/image]
//
// Without arguments, a registry with a small image is started in this process.
import assert from "node:assert/strict";
import { openImage } from "@socikit/lazy-reader";
import { openRepository } from "@socikit/registry";
import { dockerCredentials, nodeTransport } from "@socikit/registry/node";
import { createIndex } from "@socikit/soci-index/build";
import { REMOVED_PATH, SAMPLE_PATH, SAMPLE_TEXT } from "./sample-image.mjs";
import { startSampleRegistry } from "./sample-registry.mjs";

const sample = process.argv[2] === undefined ? await startSampleRegistry() : undefined;
const reference = process.argv[2] ?? sample.reference;
const path = process.argv[3] ?? SAMPLE_PATH;
const transport = nodeTransport();
try {
  const repository = openRepository(reference, { transport, credentials: dockerCredentials() });
  const tagOrDigest = repository.reference.digest ?? repository.reference.tag ?? "latest";
  if (sample !== undefined)
    await createIndex({ image: repository, target: repository }, tagOrDigest, {
      minLayerSize: 0,
      spanSize: 1024 * 1024,
    });

  let fetched = 0;
  const image = await openImage({ image: repository }, tagOrDigest, {
    onEvent: (event) => {
      if (event.type === "range-fetched") fetched += event.end - event.start;
    },
  });
  const bytes = await image.read(path);
  const whole = image.layers.reduce((sum, { layer }) => sum + layer.size, 0);
  console.log(`${path}: ${bytes.length} bytes, for which ${fetched} of the layers' ${whole} bytes were fetched`);
  // A part of it costs no more than the spans that it lies in.
  const part = await image.read(path, { range: { start: 10, end: 20 } });
  assert.deepEqual(part, bytes.slice(10, 20));

  if (sample !== undefined) {
    assert.equal(new TextDecoder().decode(bytes), SAMPLE_TEXT);
    assert.ok(fetched < whole / 2);
    // Layers are merged as a container would see them: what the upper one removed is not there.
    await assert.rejects(image.read(REMOVED_PATH), { code: "ERR_LAZY_NOT_FOUND" });
  }
  await image.close();
} finally {
  await transport.close();
  await sample?.close();
}
