import { RegistryError } from "../errors.ts";

/** The `oci-layout` that is written: in a directory, and in every archive. Not to be changed. */
export const OCI_LAYOUT: Uint8Array = new TextEncoder().encode('{"imageLayoutVersion":"1.0.0"}');

/** Largest `oci-layout` read, in bytes; those of all tools have fewer than a hundred. */
export const MAX_LAYOUT_FILE: number = 64 * 1024;

/**
 * Checks the text of an `oci-layout` file.
 *
 * @param place Names the layout in messages.
 * @throws {RegistryError} `ERR_REGISTRY_INVALID_LAYOUT`.
 */
export function checkLayoutVersion(text: string, place: string): void {
  let version: unknown;
  try {
    version = (JSON.parse(text) as { imageLayoutVersion?: unknown } | null)?.imageLayoutVersion;
  } catch (cause) {
    throw invalidLayout(place, "its oci-layout file is not JSON", cause);
  }
  if (typeof version !== "string" || !version.startsWith("1."))
    throw invalidLayout(place, `its version is ${JSON.stringify(version) ?? "missing"}, and only 1.x is known`);
}

/** The error for a layout that cannot be opened. */
export function invalidLayout(place: string, what: string, cause?: unknown): RegistryError {
  return new RegistryError("ERR_REGISTRY_INVALID_LAYOUT", `Cannot open layout "${place}": ${what}`, { cause });
}
