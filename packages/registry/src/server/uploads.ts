import { algorithmOf, isDigest, isRepositoryName, type BlobUpload, type Digest } from "@socikit/oci";
import { DistributionError } from "./distribution-error.ts";
import { requestBody } from "./request-body.ts";
import { repositoryOf, respond, type Exchange } from "./exchange.ts";
import { parseChunkRange } from "./range-header.ts";

/**
 * POST: starts an upload, takes a whole blob, or mounts one.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-blobs
 */
export async function startUpload(exchange: Exchange, name: string): Promise<Response> {
  const { request, url } = exchange;
  const { signal } = request;
  const repository = repositoryOf(exchange, name);
  const mount = digestParameter(url, "mount");
  if (mount !== undefined && (await mountBlob(exchange, name, mount))) return blobCreated(exchange, name, mount);
  const digest = digestParameter(url, "digest");
  if (digest !== undefined) {
    const upload = await repository.begin({ signal, algorithm: algorithmOf(digest) });
    return finish(exchange, name, upload, digest, true);
  }
  const algorithm = url.searchParams.get("digest-algorithm") === "sha512" ? "sha512" : "sha256";
  const upload = await repository.begin({ signal, algorithm });
  await upload.suspend();
  return respond(exchange, 202, uploadHeaders(name, upload));
}

/** GET: how far an upload is. */
export async function getUpload(exchange: Exchange, name: string, id: string): Promise<Response> {
  const upload = await repositoryOf(exchange, name).resume(id, { signal: exchange.request.signal });
  await upload.suspend();
  return respond(exchange, 204, uploadHeaders(name, upload));
}

/** PATCH: appends a chunk, or all there is. What came of a request that broke off is kept. */
export async function patchUpload(exchange: Exchange, name: string, id: string): Promise<Response> {
  const upload = await repositoryOf(exchange, name).resume(id, { signal: exchange.request.signal });
  try {
    await receive(exchange, name, upload);
  } finally {
    await upload.suspend();
  }
  return respond(exchange, 202, uploadHeaders(name, upload));
}

/** PUT: ends an upload, with the last chunk or without. */
export async function finishUpload(exchange: Exchange, name: string, id: string): Promise<Response> {
  const digest = digestParameter(exchange.url, "digest");
  if (digest === undefined) throw new DistributionError(400, "DIGEST_INVALID", "the digest parameter is missing");
  const upload = await repositoryOf(exchange, name).resume(id, { signal: exchange.request.signal });
  return finish(exchange, name, upload, digest, false);
}

/** DELETE: cancels an upload. */
export async function cancelUpload(exchange: Exchange, name: string, id: string): Promise<Response> {
  const upload = await repositoryOf(exchange, name).resume(id, { signal: exchange.request.signal });
  await upload.abort();
  return respond(exchange, 204, {});
}

async function finish(
  exchange: Exchange,
  name: string,
  upload: BlobUpload,
  digest: Digest,
  isNew: boolean,
): Promise<Response> {
  try {
    await receive(exchange, name, upload);
  } catch (error) {
    // Nobody knows the id of an upload whose first request failed.
    await (isNew ? upload.abort() : upload.suspend());
    throw error;
  }
  try {
    await upload.commit(digest, { signal: exchange.request.signal });
  } catch (error) {
    await upload.abort();
    if (error instanceof Error && "code" in error && error.code === "ERR_OCI_DIGEST_MISMATCH")
      throw new DistributionError(400, "DIGEST_INVALID", error.message, { cause: error });
    throw error;
  }
  return blobCreated(exchange, name, digest);
}

/** Takes the request's body. A chunk must begin where the upload is, and be as long as it says. */
async function receive(exchange: Exchange, name: string, upload: BlobUpload): Promise<void> {
  const { request, settings } = exchange;
  const range = parseChunkRange(request.headers.get("content-range"));
  if (range === "malformed") throw new DistributionError(400, "BLOB_UPLOAD_INVALID", "Content-Range is not first-last");
  if (range !== undefined && range.start !== upload.offset) {
    throw new DistributionError(416, "BLOB_UPLOAD_INVALID", `the upload goes on at byte ${upload.offset}`, {
      headers: uploadHeaders(name, upload),
    });
  }
  const limit = Math.min(settings.maxUploadBytes, range?.end ?? Infinity);
  const tooLong = (): DistributionError =>
    limit === range?.end
      ? new DistributionError(400, "SIZE_INVALID", `the chunk is longer than its Content-Range`)
      : new DistributionError(413, "SIZE_INVALID", `blobs of more than ${settings.maxUploadBytes} bytes are not taken`);
  // Told in advance where it can be: nothing need be received.
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (upload.offset + announced > limit) throw tooLong();
  if (request.body !== null) {
    for await (const chunk of requestBody(request.body, request.signal)) {
      if (upload.offset + chunk.length > limit) throw tooLong();
      await upload.write(chunk, { signal: request.signal });
    }
  }
  if (range !== undefined && upload.offset !== range.end)
    throw new DistributionError(
      400,
      "SIZE_INVALID",
      `the chunk ends at byte ${upload.offset}, not where Content-Range says`,
    );
}

/** Mounts from the repository named, or from any that has the blob. */
async function mountBlob(exchange: Exchange, name: string, digest: Digest): Promise<boolean> {
  const repository = repositoryOf(exchange, name);
  if (repository.mount === undefined) return false;
  const { signal } = exchange.request;
  const from = exchange.url.searchParams.get("from");
  if (from !== null && from !== "") {
    if (!isRepositoryName(from))
      throw new DistributionError(
        400,
        "NAME_INVALID",
        `${JSON.stringify(from.slice(0, 200))} is not a repository name`,
      );
    return repository.mount(digest, from, { signal });
  }
  for await (const other of exchange.store.repositories({ signal })) {
    if (await repository.mount(digest, other, { signal })) return true;
  }
  return false;
}

function digestParameter(url: URL, parameter: string): Digest | undefined {
  const text = url.searchParams.get(parameter);
  if (text === null || text === "") return undefined;
  if (!isDigest(text))
    throw new DistributionError(400, "DIGEST_INVALID", `${JSON.stringify(text.slice(0, 200))} is not a digest`);
  return text;
}

function uploadHeaders(name: string, upload: BlobUpload): Readonly<Record<string, string>> {
  return {
    location: `/v2/${name}/blobs/uploads/${upload.id}`,
    "docker-upload-uuid": upload.id,
    // Inclusive, so that nothing at all cannot be said: 0-0 is what registries answer then.
    range: `0-${Math.max(0, upload.offset - 1)}`,
  };
}

function blobCreated(exchange: Exchange, name: string, digest: Digest): Response {
  return respond(exchange, 201, { location: `/v2/${name}/blobs/${digest}`, "docker-content-digest": digest });
}
