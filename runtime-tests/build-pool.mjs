// Builds zTOCs on threads, on the runtime that runs this file. As smoke.mjs: from sources on Deno, Bun and Node 26, from built packages
// on all of Node.
import { createMemoryStore, handlerTransport, openRepository } from "@socikit/registry";
import { createRegistryHandler } from "@socikit/registry/server";
import { createIndex } from "@socikit/soci-index/build";
import { createBuildPool } from "@socikit/ztoc/build";
import { checkBuildPool } from "./build-checks.mjs";
import { check, same, summary } from "./check.mjs";
import { pushSampleImage } from "./sample-image.mjs";

await checkBuildPool();

await check("createIndex() with a pool makes the index that it makes without", async () => {
  const digests = [];
  for (const threads of [undefined, 2]) {
    const handler = createRegistryHandler(createMemoryStore());
    const repository = openRepository("localhost:5000/demo/app", { transport: handlerTransport(handler) });
    await pushSampleImage(repository, "v1");
    const pool = threads === undefined ? undefined : createBuildPool({ threads });
    const ports = { image: repository, target: repository, pool };
    const { indexes } = await createIndex(ports, "v1", { minLayerSize: 0, spanSize: 1 << 18 });
    pool?.close();
    digests.push(indexes[0].index.digest);
  }
  same(digests[0], digests[1]);
});

// The process ends by itself: it does not wait for an idle pool.
const idle = createBuildPool({ threads: 1 });
await idle.build(async () => new Blob([new Uint8Array(10_240)]).stream(), { compression: "uncompressed" });

const well = summary();
if (!well) throw new Error("some checks failed");
