import { MAX_MANIFEST_SIZE, verifyBytes, type Descriptor } from "@socikit/oci";

/** The content that a descriptor brings along; `undefined` where there is none or it is not what the descriptor is of. */
export function embeddedIn(descriptor: Descriptor): Uint8Array | undefined {
  const { data, size } = descriptor;
  // Base64 of `size` bytes: what is longer cannot fit, and is not decoded.
  if (data === undefined || size > MAX_MANIFEST_SIZE || data.length !== Math.ceil(size / 3) * 4) return undefined;
  try {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    verifyBytes(bytes, descriptor);
    return bytes;
  } catch {
    return undefined;
  }
}
