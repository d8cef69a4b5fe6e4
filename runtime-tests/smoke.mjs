// One way through the packages, on the runtime that runs this file: makes an image, serves it in process, indexes it, reads it lazily.
// Unbuilt sources: deno run -A smoke.mjs; bun --conditions=@socikit/source smoke.mjs; node --conditions=@socikit/source smoke.mjs (26).
// Built packages: node smoke.mjs (20 and later).
import { enableSoci } from "@socikit/finch-config";
import { loadInflate } from "@socikit/inflate";
import { openImage } from "@socikit/lazy-reader";
import { createMemoryStore, handlerTransport, openRepository } from "@socikit/registry";
import { createRegistryHandler } from "@socikit/registry/server";
import { createIndex } from "@socikit/soci-index/build";
import { decodeZtoc, encodeZtoc } from "@socikit/ztoc";
import { buildZtoc } from "@socikit/ztoc/build";
import { gzipSync } from "fflate";
import { check, same, sameBytes, summary } from "./check.mjs";
import { makeTar } from "./make-tar.mjs";
import { FILES, REMOVED, pushSampleImage } from "./sample-image.mjs";

const handler = createRegistryHandler(createMemoryStore());
/** What goes over the transport: [method, path, bytes that came]. */
const wire = [];
const counting = async (request) => {
  const response = await handler(request);
  const length = Number(response.headers.get("content-length") ?? 0);
  wire.push({
    method: request.method,
    path: new URL(request.url).pathname,
    bytes: request.method === "GET" ? length : 0,
  });
  return response;
};
const repository = openRepository("localhost:5000/demo/app", { transport: handlerTransport(counting) });

await check("an image is pushed to a registry", async () => {
  await pushSampleImage(repository, "v1");
  same((await repository.resolve("v1")).digest.slice(0, 7), "sha256:");
});

await check("it is indexed, registry to registry", async () => {
  const result = await createIndex({ image: repository, target: repository }, "v1", {
    minLayerSize: 0,
    spanSize: 1 << 18,
  });
  same(result.indexes.length, 1);
  same(
    result.indexes[0].layers.map(({ ztoc }) => ztoc !== undefined),
    [true, true],
  );
});

wire.length = 0;
const image = await openImage({ image: repository }, "v1");

await check("its layers have zTOCs and are merged", async () => {
  same(
    image.layers.map(({ mode }) => mode),
    ["ztoc", "ztoc"],
  );
  let found = false;
  try {
    await image.stat(REMOVED);
    found = true;
  } catch {
    // As it should be: the upper layer took the file away.
  }
  same(found, false);
});

await check("a range of a file costs a part of its layer", async () => {
  const words = FILES["usr/share/words"];
  sameBytes(
    await image.read("usr/share/words", { range: { start: 1_500_000, end: 1_500_100 } }),
    words.subarray(1_500_000, 1_500_100),
  );
  const moved = wire
    .filter(({ path }) => path.endsWith(image.layers[0].layer.digest))
    .reduce((sum, { bytes }) => sum + bytes, 0);
  if (moved === 0 || moved > image.layers[0].layer.size / 2)
    throw new Error(`${moved} bytes of ${image.layers[0].layer.size} came`);
});

for (const [path, content] of Object.entries(FILES)) {
  await check(`${path} reads as it was written`, async () => sameBytes(await image.read(path), content));
}
await image.close();

await check("a zTOC survives decoding and encoding", async () => {
  const layer = gzipSync(makeTar([["words", FILES["usr/share/words"]]]), { mtime: 0 });
  async function* chunks() {
    for (let at = 0; at < layer.length; at += 60_000) yield layer.subarray(at, at + 60_000);
  }
  const { bytes } = await buildZtoc(chunks(), { compression: "gzip", spanSize: 1 << 20, inflate: await loadInflate() });
  sameBytes(encodeZtoc(decodeZtoc(bytes)), bytes);
});

await check("finch.yaml gets soci as its snapshotter", () => {
  if (!enableSoci("cpus: 4\n").includes("soci")) throw new Error("soci is not in it");
});

const well = summary();
if (!well) throw new Error("some checks failed");
