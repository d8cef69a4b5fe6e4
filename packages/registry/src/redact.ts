/** What of a URL may be shown: no user info, no query, no fragment, which can hold passwords, tokens and signatures. */
export function redactUrl(url: string | URL): string {
  const text = String(url);
  try {
    const { protocol, host, pathname } = new URL(text);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return printable(text.replace(/[?#].*$/s, "").replace(/\/\/[^/@]*@/, "//"));
  }
}

// C0, DEL and C1 controls; zero-width, bidirectional and line-separator characters.
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text that someone else wrote, made safe for a terminal line: control characters escaped, cut after `limit` characters. */
export function printable(text: string, limit: number = 300): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return cut.replaceAll(UNPRINTABLE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
