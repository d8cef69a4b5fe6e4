/** A name for an upload that no other has, this one's store started anew included: 32 lower-case hex digits. */
export function uploadId(): string {
  // Not randomUUID, which pages have in secure contexts only.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether `text` can be what {@linkcode uploadId} made: checked before it becomes part of a path. */
export function isUploadId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}
