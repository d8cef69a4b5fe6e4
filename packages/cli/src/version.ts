import { readFile } from "node:fs/promises";

/** The version of this package. */
export async function version(): Promise<string> {
  // One level up from dist/ and src/ alike.
  const manifest: unknown = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
  return (manifest as { version: string }).version;
}
