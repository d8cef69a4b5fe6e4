import { deflateRawSync } from "node:zlib";
import { afterEach, expect, test, vi } from "vitest";
import { chooseDecoder, DECODER_KINDS, type DecoderKind } from "./choose-decoder.ts";
import { decodeAll } from "./testing/decoder-cases.ts";

const text = new TextEncoder().encode("whatever decodes it");
const deflated = deflateRawSync(text);

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test("chooseDecoder() takes WebAssembly where nothing forbids it", async () => {
  expect((await chooseDecoder()).kind).toBe("wasm");
});

test.for<[DecoderKind]>(DECODER_KINDS.map((kind) => [kind]))("chooseDecoder() of %s alone", async ([kind]) => {
  const chosen = await chooseDecoder({ kinds: [kind] });
  expect(chosen.kind).toBe(kind);
  expect(await decodeAll(chosen.decoder, {}, deflated, 0, text.length)).toEqual(text);
});

test("chooseDecoder() takes the next one where a policy forbids WebAssembly, or a host has no inflate", async () => {
  // As Chromium says it under a Content-Security-Policy; a module of one's own, so that none compiled before is taken.
  const foreign = { kinds: ["wasm", "platform"] as const };
  vi.resetModules();
  const disallowed = new WebAssembly.CompileError("disallowed by embedder");
  vi.spyOn(WebAssembly, "compile").mockRejectedValue(disallowed);
  vi.spyOn(WebAssembly, "Module").mockImplementation(() => {
    throw disallowed;
  });
  const fresh = await import("./choose-decoder.ts");
  expect((await fresh.chooseDecoder(foreign)).kind).toBe("platform");

  vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
  expect((await fresh.chooseDecoder()).kind).toBe("platform");
  vi.stubGlobal("DecompressionStream", undefined);
  expect((await fresh.chooseDecoder()).kind).toBe("fflate");
  await expect(fresh.chooseDecoder(foreign)).rejects.toThrow(
    'Cannot choose a decoder: none of ["wasm","platform"] works on this host',
  );
});

test("chooseDecoder() does not pass over a module that is not ours", async () => {
  const module = await WebAssembly.compile(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  await expect(chooseDecoder({ module })).rejects.toMatchObject({ code: "ERR_INFLATE_FOREIGN_MODULE" });
});
