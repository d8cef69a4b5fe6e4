import {
  algorithmOf,
  concatBytes,
  decodeManifest,
  digestOf,
  isDigest,
  isForeignLayer,
  isImageIndex,
  isTag,
  MAX_MANIFEST_SIZE,
  type Digest,
  type ImageManifest,
} from "@socikit/oci";
import { DistributionError } from "./distribution-error.ts";
import { isNotModified, repositoryOf, respond, type Exchange } from "./exchange.ts";
import { requestBody } from "./request-body.ts";

type ManifestReference = { readonly tag: string } | { readonly digest: Digest };

/** Tags that one push may name as parameters. */
const MAX_TAG_PARAMETERS = 100;

/** GET and HEAD of a manifest. https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests */
export async function getManifest(exchange: Exchange, name: string, reference: ManifestReference): Promise<Response> {
  const { request } = exchange;
  const { signal } = request;
  const repository = repositoryOf(exchange, name);
  const target = "tag" in reference ? reference.tag : reference.digest;
  const { descriptor, bytes } =
    request.method === "HEAD"
      ? { descriptor: await repository.resolve(target, { signal }), bytes: undefined }
      : await repository.fetchManifest(target, { signal });
  const etag = `"${descriptor.digest}"`;
  const headers = { "content-type": descriptor.mediaType, "docker-content-digest": descriptor.digest, etag };
  if (isNotModified(request, etag)) return respond(exchange, 304, headers);
  return respond(exchange, 200, { ...headers, "content-length": String(descriptor.size) }, bytes);
}

/**
 * PUT of a manifest, under a digest or a tag.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
 *
 * `If-Match` and `If-None-Match: *` make a push under a tag a compare-and-set: 412 where another one was faster.
 */
export async function putManifest(exchange: Exchange, name: string, reference: ManifestReference): Promise<Response> {
  const { request, url } = exchange;
  const { signal } = request;
  const bytes = await receiveManifest(request);
  const algorithm = "tag" in reference ? "sha256" : algorithmOf(reference.digest);
  if ("digest" in reference) {
    const found = digestOf(bytes, algorithm);
    if (found !== reference.digest)
      throw new DistributionError(400, "DIGEST_INVALID", `the manifest has digest ${found}, not ${reference.digest}`);
  }
  // Parameters (charset) are not part of a media type that descriptors can have.
  const mediaType = (request.headers.get("content-type") ?? "").split(";", 1)[0]?.trim() ?? "";
  const manifest = decodeManifest(bytes, mediaType);
  if (mediaType === "" && manifest.mediaType === undefined)
    throw new DistributionError(400, "MANIFEST_INVALID", "neither Content-Type nor the manifest says its media type");
  const tags = "tag" in reference ? [reference.tag] : tagParameters(url);
  const repository = repositoryOf(exchange, name);
  if (exchange.settings.missingBlobs === "reject" && !isImageIndex(manifest))
    await checkBlobs(exchange, name, manifest);
  const descriptor = await repository.pushManifest(bytes, mediaType, { signal, algorithm });
  const expected = expectedDigest(request);
  // In order, so that the first that fails is the one the client is told of.
  for (const tag of tags)
    await repository.tag(tag, descriptor, { signal, ...(expected === undefined ? {} : { expected }) });
  return respond(exchange, 201, {
    location: `/v2/${name}/manifests/${descriptor.digest}`,
    "docker-content-digest": descriptor.digest,
    ...(manifest.subject === undefined ? {} : { "oci-subject": manifest.subject.digest }),
    ...("tag" in reference || tags.length === 0 ? {} : { "oci-tag": tags.join(", ") }),
  });
}

/** DELETE of a manifest with its tags, or of a tag alone. */
export async function deleteManifest(
  exchange: Exchange,
  name: string,
  reference: ManifestReference,
): Promise<Response> {
  const { signal } = exchange.request;
  const repository = repositoryOf(exchange, name);
  if ("tag" in reference) await repository.untag(reference.tag, { signal });
  else await repository.deleteManifest(reference.digest, { signal });
  return respond(exchange, 202, {});
}

/** The body, 4 MiB at most. */
async function receiveManifest(request: Request): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of requestBody(request.body, request.signal)) {
    size += chunk.length;
    if (size > MAX_MANIFEST_SIZE)
      throw new DistributionError(
        413,
        "SIZE_INVALID",
        `manifests of more than ${MAX_MANIFEST_SIZE} bytes are not taken`,
      );
    chunks.push(chunk);
  }
  return concatBytes(chunks);
}

async function checkBlobs(exchange: Exchange, name: string, manifest: ImageManifest): Promise<void> {
  const repository = repositoryOf(exchange, name);
  const checked = new Set<Digest>();
  for (const blob of [manifest.config, ...manifest.layers]) {
    if (isForeignLayer(blob.mediaType) || checked.has(blob.digest)) continue;
    checked.add(blob.digest);
    const stat = await repository.stat(blob.digest, { signal: exchange.request.signal });
    if (stat === undefined)
      throw new DistributionError(
        400,
        "MANIFEST_BLOB_UNKNOWN",
        `${name} has no ${blob.digest}, which the manifest names`,
      );
  }
}

function tagParameters(url: URL): readonly string[] {
  const tags = url.searchParams.getAll("tag");
  if (tags.length > MAX_TAG_PARAMETERS)
    throw new DistributionError(400, "MANIFEST_INVALID", `more than ${MAX_TAG_PARAMETERS} tags`);
  for (const tag of tags) {
    if (!isTag(tag))
      throw new DistributionError(400, "MANIFEST_INVALID", `${JSON.stringify(tag.slice(0, 200))} is not a tag`);
  }
  return tags;
}

/** What the tag must name before: the digest of an entity tag, `null` for nothing, `undefined` for no condition. */
function expectedDigest(request: Request): Digest | null | undefined {
  if (request.headers.get("if-none-match")?.trim() === "*") return null;
  const match = request.headers.get("if-match");
  if (match === null) return undefined;
  const digest = match.trim().replace(/^"(.*)"$/, "$1");
  if (!isDigest(digest)) throw new DistributionError(412, "UNKNOWN", "If-Match is not the entity tag of a manifest");
  return digest;
}
