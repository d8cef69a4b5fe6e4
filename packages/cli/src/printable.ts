/**
 * Text that is safe to show on a terminal: control characters (C0, DEL, C1) and the Unicode ones that reorder text are
 * written as escapes. Names in images, messages of registries and paths come from strangers, and `ESC ]` can do more to
 * a terminal than print. Newlines and tabs are escaped too: one name stays on one line.
 */
export function printable(text: string): string {
  // U+202A–U+202E and U+2066–U+2069 change the direction of what follows: "exe.txt" may be shown for "txt.exe".
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
