import type { Platform } from "./platform.ts";

declare const process: { readonly arch?: string } | undefined;

/** Go's names of the processors that Node, Deno and Bun name otherwise. */
const ARCHITECTURES: ReadonlyMap<string, string> = new Map([
  ["x64", "amd64"],
  ["ia32", "386"],
  ["ppc64", "ppc64le"],
]);

/**
 * The platform to prefer where none is asked for: Linux on this machine's processor. `linux/amd64` where the host does
 * not say what it runs on, as in a browser.
 *
 * @param arch The host's own name of its processor.
 */
export function hostPlatform(arch: string | undefined = hostArchitecture()): Platform {
  return { os: "linux", architecture: arch === undefined ? "amd64" : (ARCHITECTURES.get(arch) ?? arch) };
}

function hostArchitecture(): string | undefined {
  return typeof process === "object" ? process.arch : undefined;
}
