import { isUint8Array, kindOf } from "./kind-of.ts";

/** @throws {TypeError} for bytes of a layer that are no Uint8Array: others have no length, or elements that are no bytes. */
export function checkChunk(chunk: Uint8Array): void {
  if (!isUint8Array(chunk)) throw new TypeError(`Cannot read layer: a chunk is ${kindOf(chunk)}; give Uint8Arrays`);
}
