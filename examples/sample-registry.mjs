// A registry in this process, on a free port of 127.0.0.1, with the sample image in it.
import { createMemoryStore } from "@socikit/registry";
import { serveRegistry } from "@socikit/registry/node";
import { createRegistryHandler } from "@socikit/registry/server";
import { pushSampleImage } from "./sample-image.mjs";

/** Starts it. `reference` names the image; `close` stops it. */
export async function startSampleRegistry() {
  const store = createMemoryStore();
  await pushSampleImage(store.repository("sample/numbers"), "1");
  const server = await serveRegistry(createRegistryHandler(store), { host: "127.0.0.1", port: 0 });
  return { reference: `127.0.0.1:${server.port}/sample/numbers:1`, close: () => server.close() };
}
