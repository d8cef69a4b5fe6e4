import { encodeIndex, MAX_MANIFEST_SIZE, OCI_INDEX, type Descriptor, type Digest } from "@socikit/oci";
import { DistributionError } from "./distribution-error.ts";
import { repositoryOf, respond, respondJson, type Exchange } from "./exchange.ts";

/** Names a page has, unless the client asks for fewer. */
const PAGE = 1000;

/** GET of a repository's tags. https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags */
export async function listTags(exchange: Exchange, name: string): Promise<Response> {
  const tags: string[] = [];
  for await (const tag of repositoryOf(exchange, name).tags({ signal: exchange.request.signal })) tags.push(tag);
  const { page, headers } = pageOf(exchange, `/v2/${name}/tags/list`, tags);
  return respondJson(exchange, 200, headers, { name, tags: page });
}

/** GET of the repositories' names, as registries have it: the spec leaves it out. */
export async function listRepositories(exchange: Exchange): Promise<Response> {
  const names: string[] = [];
  for await (const name of exchange.store.repositories({ signal: exchange.request.signal })) names.push(name);
  const { page, headers } = pageOf(exchange, "/v2/_catalog", names);
  return respondJson(exchange, 200, headers, { repositories: page });
}

/** GET of a manifest's referrers. https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers */
export async function listReferrers(exchange: Exchange, name: string, subject: Digest): Promise<Response> {
  const { request, url } = exchange;
  const artifactType = url.searchParams.get("artifactType");
  const after = url.searchParams.get("last");
  const manifests: Descriptor[] = [];
  let size = 0;
  let skipping = after !== null;
  let more = false;
  for await (const referrer of repositoryOf(exchange, name).referrers(subject, { signal: request.signal })) {
    if (skipping) {
      skipping = referrer.digest !== after;
      continue;
    }
    if (artifactType !== null && artifactType !== "" && referrer.artifactType !== artifactType) continue;
    // A page stays under what clients take for a manifest: each entry is counted as an index of its own.
    size += encodeIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [referrer] }).length;
    if (manifests.length > 0 && size > MAX_MANIFEST_SIZE) {
      more = true;
      break;
    }
    manifests.push(referrer);
  }
  const body = encodeIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
  const last = manifests.at(-1);
  const next = new URLSearchParams({
    ...(artifactType === null ? {} : { artifactType }),
    ...(last === undefined ? {} : { last: last.digest }),
  });
  return respond(
    exchange,
    200,
    {
      "content-type": OCI_INDEX,
      ...(artifactType === null || artifactType === "" ? {} : { "oci-filters-applied": "artifactType" }),
      ...(more ? { link: `</v2/${name}/referrers/${subject}?${next}>; rel="next"` } : {}),
    },
    body,
  );
}

/** The page of `names` that `n` and `last` ask for, in the order of their code units, and the link to the next one. */
function pageOf(
  exchange: Exchange,
  path: string,
  names: readonly string[],
): { readonly page: readonly string[]; readonly headers: Readonly<Record<string, string>> } {
  const { searchParams } = exchange.url;
  const text = searchParams.get("n");
  if (text !== null && !/^\d{1,9}$/.test(text)) throw new DistributionError(400, "UNSUPPORTED", "n is not a number");
  const count = Math.min(PAGE, text === null ? PAGE : Number(text));
  const after = searchParams.get("last") ?? "";
  const left = [...names].sort(byCodeUnits).filter((name) => name > after);
  const page = left.slice(0, count);
  const last = page.at(-1);
  if (last === undefined || page.length === left.length) return { page, headers: {} };
  const next = new URLSearchParams({ n: String(count), last });
  return { page, headers: { link: `<${path}?${next}>; rel="next"` } };
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
