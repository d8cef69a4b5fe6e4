import { isLoopbackHost } from "./origin.ts";

/** What may be told to the token server that a challenge names. */
export type RealmTrust = "credentials" | "anonymous" | "refused";

/** Token servers on another site than their registry, by registry host. */
const KNOWN_REALMS: ReadonlyMap<string, string> = new Map([
  ["registry-1.docker.io", "auth.docker.io"],
  ["dhi.io", "auth.docker.io"],
  ["registry.gitlab.com", "gitlab.com"],
]);

/**
 * Decides whether the realm of a Bearer challenge gets the user's secret. The challenge comes from the registry, or from
 * whoever answers in its place, so it must not choose freely where the password goes (CVE-2026-33540, GHSA-28r5-37g7-p6mp):
 *
 * - **refused**: not `http:` or `https:`, user info in the URL, or `http:` for a registry that is spoken to over `https:`.
 * - **credentials**: the registry's own host (any port; this machine's names count as one), a known pair such as Docker Hub's,
 *   a host that the user trusts, or `https:` on the same site: the two names share all but their first label, two labels
 *   at least (registry.example.com and auth.example.com), or one lies below the other.
 * - **anonymous**: anything else. A token is asked for without a secret, which is all that public images need.
 *
 * @param trustedHosts `host[:port]` of token servers that the user trusts.
 */
export function realmTrust(registry: URL, realm: URL, trustedHosts: readonly string[] = []): RealmTrust {
  if (realm.protocol !== "https:" && realm.protocol !== "http:") return "refused";
  if (realm.username !== "" || realm.password !== "") return "refused";
  if (realm.protocol === "http:" && registry.protocol === "https:") return "refused";
  if (realm.hostname === registry.hostname) return "credentials";
  if (isLoopbackHost(realm.hostname) && isLoopbackHost(registry.hostname)) return "credentials";
  if (trustedHosts.includes(realm.host)) return "credentials";
  if (realm.protocol !== "https:") return "anonymous";
  if (KNOWN_REALMS.get(registry.host) === realm.host) return "credentials";
  return isSameSite(registry.hostname, realm.hostname) ? "credentials" : "anonymous";
}

function isSameSite(a: string, b: string): boolean {
  // Addresses have no parents.
  if (/^[\d.]+$|^\[/.test(a) || /^[\d.]+$|^\[/.test(b)) return false;
  if (labels(a) >= 2 && b.endsWith(`.${a}`)) return true;
  if (labels(b) >= 2 && a.endsWith(`.${b}`)) return true;
  const parent = (host: string): string => host.slice(host.indexOf(".") + 1);
  return labels(a) >= 3 && labels(b) >= 3 && parent(a) === parent(b);
}

function labels(host: string): number {
  return host.split(".").length;
}
