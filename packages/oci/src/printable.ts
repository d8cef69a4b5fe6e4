// C0, DEL and C1 controls; zero-width characters, those that change the direction of what follows (with U+202E "txt.exe" is
// shown for "exe.txt"), line separators, and the byte order mark.
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/**
 * Text that is safe to show on one line of a terminal: what controls it, hides or reorders text is written as escapes. Names
 * in images, messages of registries and paths come from strangers, and `ESC ]` can do more to a terminal than print. Newlines
 * and tabs are escaped too.
 *
 * @param limit Characters after which it is cut, with an ellipsis. Not at all unless given.
 */
export function printable(text: string, limit: number = Number.POSITIVE_INFINITY): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return cut.replaceAll(UNPRINTABLE, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
