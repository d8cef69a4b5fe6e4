import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { INFLATE_ERROR_CODES } from "./errors.ts";
import { compileOwnModule, loadInflate } from "./load-inflate.ts";
import { compressedMember } from "./testing/gzip-member.ts";
import { scanAll } from "./testing/scan.ts";

const text = new TextEncoder().encode("hello");

test("loadInflate() compiles once", async () => {
  expect(await loadInflate()).toBe(await loadInflate({}));
});

test("loadInflate() takes a compiled module", async () => {
  const inflate = await loadInflate({ module: await compileOwnModule() });
  expect(inflate).not.toBe(await loadInflate());
  expect(scanAll(inflate, compressedMember(text)).output).toEqual(text);
});

test("loadInflate() refuses another module", async () => {
  const module = await WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
  await expect(loadInflate({ module })).rejects.toMatchObject({ code: "ERR_INFLATE_FOREIGN_MODULE" });
});

test("the module has no imports, a memory that cannot grow, and at most 16 KB", async () => {
  const module = await compileOwnModule();
  expect(WebAssembly.Module.imports(module)).toEqual([]);
  const { memory } = new WebAssembly.Instance(module).exports as { memory: WebAssembly.Memory };
  expect(memory.buffer.byteLength).toBe(8 * 65536);
  expect(() => memory.grow(1)).toThrow(RangeError);
  const base64 =
    /"([^"]+)"/.exec(readFileSync(new URL("inflate-wasm.generated.ts", import.meta.url), "utf8"))?.[1] ?? "";
  expect((base64.length * 3) / 4).toBeLessThan(16 * 1024);
});

test("INFLATE_ERROR_CODES are distinct", () => {
  expect(new Set(INFLATE_ERROR_CODES).size).toBe(INFLATE_ERROR_CODES.length);
});
