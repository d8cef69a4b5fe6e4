/** What a page may read of an answer: without, a browser client sees neither digest nor range nor challenge. */
const EXPOSED = [
  "Content-Length",
  "Content-Range",
  "Docker-Content-Digest",
  "Docker-Upload-UUID",
  "ETag",
  "Link",
  "Location",
  "OCI-Filters-Applied",
  "OCI-Subject",
  "OCI-Tag",
  "Range",
  "WWW-Authenticate",
].join(", ");

/** Adds what lets pages of `origin` (`*` for any) read the answer. */
export function addCorsHeaders(headers: Headers, origin: string): void {
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-expose-headers", EXPOSED);
  if (origin !== "*") headers.append("vary", "Origin");
}

/** The answer to a preflight: any method and header a registry client sends, for a day. `*` would not cover Authorization. */
export function preflightHeaders(readOnly: boolean): Readonly<Record<string, string>> {
  return {
    "access-control-allow-methods": readOnly ? "GET, HEAD" : "GET, HEAD, POST, PUT, PATCH, DELETE",
    "access-control-allow-headers":
      "Accept, Authorization, Cache-Control, Content-Range, Content-Type, If-Match, If-None-Match, If-Range, Range",
    "access-control-max-age": "86400",
  };
}
