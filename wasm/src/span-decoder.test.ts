import { deflateRawSync } from "node:zlib";
import { expect, test } from "vitest";
import { compileOwnModule, createInflate, loadInflate } from "./load-inflate.ts";
import { decodeAll, describeDecoder } from "./testing/decoder-cases.ts";
import { expectBytes } from "./testing/expect-bytes.ts";

const module = await compileOwnModule();

describeDecoder("core", (await loadInflate()).decoder);
// Their ends are met in every phase of decoding.
describeDecoder("core with small buffers", (await createInflate(module, { input: 512, output: 300 })).decoder);

test("an instance that traps is given up, the next one works", async () => {
  // An output buffer said to be larger than the memory: the decoder runs out of it.
  const broken = await createInflate(module, { input: 1024, output: 2 ** 24 });
  const zeros = deflateRawSync(new Uint8Array(4_000_000));
  const trapped = decodeAll(broken.decoder, {}, zeros, 0, 4_000_000);
  await expect(trapped).rejects.toMatchObject({
    code: "ERR_INFLATE_ABORTED_INSTANCE",
    cause: expect.any(WebAssembly.RuntimeError),
  });
  expectBytes(await decodeAll(broken.decoder, {}, zeros, 0, 1000), new Uint8Array(1000));
});
