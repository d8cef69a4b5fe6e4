import type { ReadOptions } from "@socikit/oci";
import type { ClientRequest, ClientResponse, RegistryClient } from "./client.ts";
import { RegistryError } from "./errors.ts";
import { readBody } from "./read-body.ts";
import { mayContact } from "./redirect.ts";
import { parseNextLink } from "./responses.ts";

/** Most pages of a list: oras-go was given a bound after an endless one (CVE-2026-50163). */
export const MAX_PAGES: number = 1_000;
/** Most pages in a row that have no entries: one that filters a list may leave some empty, one that does not end has no others. */
export const MAX_EMPTY_PAGES: number = 32;
/** Largest page, in bytes. */
const MAX_PAGE_SIZE = 4 * 1024 * 1024;
/** Largest list, in bytes. */
const MAX_LIST_SIZE = 64 * 1024 * 1024;

/** One page of a list. */
export interface Page {
  /** The response, its body read. */
  readonly response: ClientResponse;
  /** Its body. */
  readonly bytes: Uint8Array;
  /** Takes down how many entries it has. */
  readonly count: (entries: number) => void;
}

/**
 * The pages of a list, along its `Link` fields, which stay on the registry's own origin.
 *
 * @throws {RegistryError} `ERR_REGISTRY_TOO_LARGE` for a list without an end, `ERR_REGISTRY_REDIRECT` for one that leads away.
 */
export async function* pages(
  client: RegistryClient,
  first: ClientRequest,
  options?: ReadOptions,
): AsyncGenerator<Page> {
  const seen = new Set<string>();
  let url = first.url;
  let total = 0;
  let emptyPages = 0;
  const count = (entries: number): void => void (emptyPages = entries === 0 ? emptyPages + 1 : 0);
  for (;;) {
    seen.add(url.href);
    // Each page names the next.
    const response = await client.send({ ...first, url }, options);
    const context = client.contextOf(first, response);
    const bytes = await readBody(response.body, MAX_PAGE_SIZE, `answer to "${first.action}"`, context);
    total += bytes.length;
    yield { response, bytes, count };
    const link = response.status === 200 ? parseNextLink(response.headers.get("link")) : undefined;
    if (link === undefined) return;
    const next = mayContact(url, link, "link to the next page");
    if (next.origin !== first.url.origin) {
      throw new RegistryError(
        "ERR_REGISTRY_REDIRECT",
        `Cannot ${first.action}: the next page is at ${next.host}, another origin`,
        context,
      );
    }
    const fault = seen.has(next.href)
      ? `page ${seen.size} names one that came before it as the next`
      : emptyPages >= MAX_EMPTY_PAGES
        ? `${emptyPages} pages in a row have no entries`
        : seen.size >= MAX_PAGES || total > MAX_LIST_SIZE
          ? `the list does not end after ${seen.size} pages and ${total} bytes`
          : undefined;
    if (fault !== undefined)
      throw new RegistryError("ERR_REGISTRY_TOO_LARGE", `Cannot ${first.action}: ${fault}`, context);
    url = next;
  }
}
