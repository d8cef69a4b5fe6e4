import type { Digest } from "@socikit/oci";
import { DistributionError } from "./distribution-error.ts";
import { isNotModified, repositoryOf, respond, type Exchange } from "./exchange.ts";
import { parseRangeHeader } from "./range-header.ts";
import { sourceStream } from "../source-stream.ts";

/** GET and HEAD of a blob. https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-blobs */
export async function getBlob(exchange: Exchange, name: string, digest: Digest): Promise<Response> {
  const { request } = exchange;
  const { signal } = request;
  const repository = repositoryOf(exchange, name);
  const stat = await repository.stat(digest, { signal });
  if (stat === undefined) throw new DistributionError(404, "BLOB_UNKNOWN", `${name} has no ${digest}`);
  const etag = `"${digest}"`;
  const headers = {
    "content-type": "application/octet-stream",
    "docker-content-digest": digest,
    "accept-ranges": "bytes",
    etag,
  };
  if (isNotModified(request, etag)) return respond(exchange, 304, headers);
  if (request.method === "HEAD") return respond(exchange, 200, { ...headers, "content-length": String(stat.size) });
  // A range on a condition that does not hold is answered with the whole: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
  const ifRange = request.headers.get("if-range");
  const range =
    ifRange === null || ifRange.trim() === etag ? parseRangeHeader(request.headers.get("range"), stat.size) : "whole";
  if (range === "unsatisfiable") {
    throw new DistributionError(416, "SIZE_INVALID", `the range is not inside the blob's ${stat.size} bytes`, {
      headers: { "content-range": `bytes */${stat.size}` },
    });
  }
  const { start, end } = range === "whole" ? { start: 0, end: stat.size } : range;
  const source = await repository.open({ digest, size: stat.size }, { signal });
  const length = { "content-length": String(end - start) };
  const body = sourceStream(source, start, end, signal);
  if (range === "whole") return respond(exchange, 200, { ...headers, ...length }, body);
  const contentRange = { "content-range": `bytes ${start}-${end - 1}/${stat.size}` };
  return respond(exchange, 206, { ...headers, ...length, ...contentRange }, body);
}
