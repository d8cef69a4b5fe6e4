/** Base64 of a text's UTF-8 bytes. */
export function encodeBase64(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** The text behind base64 of UTF-8; `undefined` where it is not that. */
export function decodeBase64(base64: string): string | undefined {
  try {
    const binary = atob(base64.trim());
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(binary, (c) => c.charCodeAt(0)));
  } catch {
    return undefined;
  }
}
