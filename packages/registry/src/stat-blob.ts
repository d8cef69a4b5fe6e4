import type { Digest, ReadOptions } from "@socikit/oci";
import type { RegistryClient } from "./client.ts";
import { RegistryError } from "./errors.ts";
import { contentCodingOf, contentLengthOf, parseContentRange } from "./responses.ts";
import { repositoryScope } from "./scopes.ts";

/**
 * Size of a blob, `undefined` where it is not there. By HEAD; where that does not tell (a signed URL is often for GET
 * alone), by asking for the first byte.
 */
export async function statBlob(
  client: RegistryClient,
  digest: Digest,
  options?: ReadOptions,
): Promise<{ readonly size: number } | undefined> {
  const { registryHost, repository } = client.options;
  const request = {
    action: `look for blob ${registryHost}/${repository}@${digest}`,
    target: "blob" as const,
    url: client.url(`blobs/${digest}`),
    scopes: [repositoryScope(repository, "pull")],
  };
  const head = await client.send(
    {
      ...request,
      method: "HEAD",
      accept: ({ status, foreign }) => status === 200 || status === 404 || status === 405 || foreign,
    },
    options,
  );
  await head.body?.cancel();
  if (head.status === 404 && !head.foreign) return undefined;
  const length = contentLengthOf(head.headers);
  if (head.status === 200 && length !== undefined && contentCodingOf(head.headers) === undefined)
    return { size: length };
  const first = await client.send(
    {
      ...request,
      method: "GET",
      headers: { range: "bytes=0-0" },
      accept: ({ status }) => status === 200 || status === 206 || status === 404 || status === 416,
    },
    options,
  );
  void first.body?.cancel().catch(() => {});
  if (first.status === 404) return undefined;
  const size =
    first.status === 200
      ? contentLengthOf(first.headers)
      : parseContentRange(first.headers.get("content-range") ?? "")?.size;
  if (size !== undefined) return { size };
  throw new RegistryError(
    "ERR_REGISTRY_PROTOCOL",
    `Cannot ${request.action}: ${first.location.host} does not say how long it is`,
    client.contextOf({ method: "GET" }, first),
  );
}
