import { printable } from "@socikit/oci";

/** What of a URL may be shown: no user info, no query, no fragment, which can hold passwords, tokens and signatures. */
export function redactUrl(url: string | URL): string {
  const text = String(url);
  try {
    const { protocol, host, pathname } = new URL(text);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return printable(text.replace(/[?#].*$/s, "").replace(/\/\/[^/@]*@/, "//"), MAX_SAID);
  }
}

/** Characters of what someone else said that an error repeats. */
export const MAX_SAID = 300;
