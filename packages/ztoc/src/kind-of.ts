/** What a value is, for a message to whoever gave it: `undefined`, `a string`, `a Uint8Array`. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  const kind =
    typeof value === "object" ? Object.prototype.toString.call(value).slice("[object ".length, -1) : typeof value;
  return `${/^[aeio]/i.test(kind) ? "an" : "a"} ${kind}`;
}

/** Whether a value is a Uint8Array, of whichever realm. */
export function isUint8Array(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && (value as Partial<Uint8Array>)[Symbol.toStringTag] === "Uint8Array";
}
