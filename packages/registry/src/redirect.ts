import { printable } from "@socikit/oci";
import { RegistryError } from "./errors.ts";
import { isLocalAddress, isLoopbackHost } from "./origin.ts";
import { redactUrl } from "./redact.ts";

/** Most redirects of one request. */
export const MAX_REDIRECTS: number = 5;

/** Whether a response with this status says where to go instead. */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/**
 * The URL that a registry's Location, Link or realm names, if it may be contacted: `http:` or `https:` without user info,
 * never `http:` from `https:`, and this machine or the link only from this machine.
 *
 * Names are not resolved here, so a name that points at a local address passes: such a request carries no secret, and what
 * it brings is checked against a digest.
 *
 * @param purpose What sent us there, for the message: `redirect`, `upload location`.
 * @throws {RegistryError} `ERR_REGISTRY_REDIRECT`.
 */
export function mayContact(from: URL, location: string, purpose: string): URL {
  const fail = (what: string): never => {
    throw new RegistryError("ERR_REGISTRY_REDIRECT", `Cannot follow ${purpose} of ${from.host}: ${what}`, {
      url: redactUrl(from),
    });
  };
  let to: URL;
  try {
    to = new URL(location, from);
  } catch {
    return fail(`"${printable(location.replace(/\?.*$/s, ""), 100)}" is not a URL`);
  }
  if (to.protocol !== "https:" && to.protocol !== "http:")
    return fail(`it leads to a URL of scheme "${printable(to.protocol, 20)}"`);
  if (to.username !== "" || to.password !== "") return fail("it holds a user name or password");
  if (from.protocol === "https:" && to.protocol === "http:")
    return fail(`it leads from https to http, at ${printable(to.host, 100)}`);
  if (to.host !== from.host && isLocalAddress(to.hostname) && !isLoopbackHost(from.hostname))
    return fail(`it leads to ${printable(to.host, 100)}, an address of this machine or link`);
  to.hash = "";
  return to;
}

const CROSS_ORIGIN_HEADERS = new Set(["accept", "accept-encoding", "if-range", "range", "user-agent"]);

/** The header fields that may go to another origin: an allow-list, since any other field can hold a secret. */
export function crossOriginHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => CROSS_ORIGIN_HEADERS.has(name.toLowerCase())));
}

/** Longest time that a redirect's target is asked again without asking the registry, in ms. */
const MAX_LIFETIME_MS = 10 * 60_000;
/** Lifetime of a target that does not say when it ends. A 401 or 403 ends it earlier. */
const DEFAULT_LIFETIME_MS = 60_000;
/** A signature that ends while a request is under way is no use. */
const MARGIN_MS = 15_000;

/** How long a signed URL of S3, CloudFront, Google or Azure can be used again, in ms; 0 for not at all. */
export function signedUrlLifetimeMs(url: URL, now: number): number {
  const query = new Map([...url.searchParams].map(([key, value]) => [key.toLowerCase(), value]));
  const left = (end: number): number => Math.max(0, Math.min(end - now - MARGIN_MS, MAX_LIFETIME_MS));
  for (const vendor of ["amz", "goog"]) {
    const seconds = Number(query.get(`x-${vendor}-expires`) ?? Number.NaN);
    const date = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(query.get(`x-${vendor}-date`) ?? "");
    if (date !== null && !Number.isNaN(seconds)) {
      const [year, month, day, hour, minute, second] = date.slice(1).map(Number) as [
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      return left(Date.UTC(year, month - 1, day, hour, minute, second) + seconds * 1000);
    }
  }
  const epoch = Number(query.get("expires") ?? Number.NaN);
  if (!Number.isNaN(epoch)) return left(epoch * 1000);
  const azure = Date.parse(query.get("se") ?? "");
  return Number.isNaN(azure) ? DEFAULT_LIFETIME_MS : left(azure);
}
