import { nodeBuiltin } from "./node-builtin.ts";

type AllocUnsafeSlow = (length: number) => { readonly buffer: ArrayBuffer };

const allocUnsafeSlow = (
  nodeBuiltin("node:buffer") as { readonly Buffer?: { readonly allocUnsafeSlow?: AllocUnsafeSlow } } | undefined
)?.Buffer?.allocUnsafeSlow;

/**
 * Bytes that are anything, where the host gives such: for who writes all of them before anybody sees one. To set
 * them to zero first takes 3 % of the time to decode as many.
 */
export function unsetBytes(length: number): Uint8Array<ArrayBuffer> {
  const buffer = allocUnsafeSlow?.(length).buffer;
  return buffer?.byteLength === length ? new Uint8Array(buffer) : new Uint8Array(length);
}
