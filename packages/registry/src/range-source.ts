import { checkBlobRange, OciError, type BlobSource, type Digest, type ReadOptions } from "@socikit/oci";
import type { ClientResponse, RegistryClient } from "./client.ts";
import { RegistryError } from "./errors.ts";
import { classifyRange, type WantedRange } from "./range-response.ts";
import { drainBody, finishBody } from "./read-body.ts";
import { redactUrl } from "./redact.ts";
import { signedUrlLifetimeMs } from "./redirect.ts";
import { contentLengthOf, rangeField } from "./responses.ts";
import { retryDelayMs } from "./retry.ts";
import { repositoryScope } from "./scopes.ts";
import { statBlob } from "./stat-blob.ts";
import { sleep } from "./timer.ts";

/** Progress after which earlier failures of a read are forgotten, in bytes: a line that breaks all the time is no line. */
const FORGIVING_PROGRESS = 64 * 1024;
/** Most times one read goes on after a break, whatever the progress. */
const MAX_BREAKS = 100;

/** How a {@linkcode rangeSource} reads. */
export interface RangeSourceOptions {
  /** Most bytes in front of a range that are read and thrown away where the server sends the whole blob. */
  readonly maxSkipBytes: number;
}

/**
 * A blob of a registry as random access, by HTTP ranges. A read brings exactly the bytes asked for or fails with a code:
 * what is cut short goes on from the byte reached, what contradicts itself is asked for again, and where the registry sends
 * its clients to a signed URL, that is remembered until it ends. Bytes are not verified against the digest.
 */
export function rangeSource(
  client: RegistryClient,
  blob: { readonly digest: Digest; readonly size: number },
  options: RangeSourceOptions,
): BlobSource {
  const { digest, size } = blob;
  const { timer, maxRetries, origin } = client.options;
  const name = `${client.options.registryHost}/${client.options.repository}@${digest}`;
  let signed: { readonly url: URL; readonly until: number } | undefined;

  /** One request for `[start, end)`, at the signed URL where one is known. */
  async function request(start: number, end: number, readOptions: ReadOptions | undefined): Promise<ClientResponse> {
    const whole = start === 0 && end === size;
    const ask = (url: URL): Promise<ClientResponse> =>
      client.send(
        {
          action: `read bytes ${start} to ${end} of ${name}`,
          target: "blob",
          method: "GET",
          url,
          headers: whole ? {} : { range: rangeField(start, end) },
          scopes: [repositoryScope(client.options.repository, "pull")],
          // Statuses that a signed URL answers when it has ended are judged below.
          accept: ({ status, foreign }) =>
            (status >= 200 && status < 300) || status === 304 || status === 416 || (foreign && isExpired(status)),
        },
        readOptions,
      );
    if (signed !== undefined && signed.until > timer.now()) {
      const { url } = signed;
      const response = await ask(url);
      if (!isExpired(response.status)) return response;
      if (signed?.url === url) signed = undefined;
      await finishBody(response);
    }
    for (let generation = 0; ; generation++) {
      // Once more from the registry: the URL may have ended between two hops, or come from a cache.
      const response = await ask(client.url(`blobs/${digest}`));
      if (isExpired(response.status)) {
        await finishBody(response);
        if (generation === 0) continue;
        throw new RegistryError(
          "ERR_REGISTRY_DENIED",
          `Cannot read bytes ${start} to ${end} of ${name}: ${response.location.host}, where ${origin.host} sends its clients, answers ${response.status} twice`,
          client.contextOf({ method: "GET" }, response),
        );
      }
      if (response.foreign && (response.status === 206 || response.status === 200)) {
        const now = timer.now();
        signed = { url: response.location, until: now + signedUrlLifetimeMs(response.location, now) };
      }
      return response;
    }
  }

  /** Chunks of `[start, end)`, in order. */
  async function* chunks(start: number, end: number, readOptions: ReadOptions | undefined): AsyncGenerator<Uint8Array> {
    const signal = readOptions?.signal;
    const whole = start === 0 && end === size;
    let at = start;
    let attempt = 0;
    let breaks = 0;
    let faults = 0;
    let forgiven = at;
    while (at < end) {
      let failure: RegistryError;
      let body: ReadableStream<Uint8Array> | null = null;
      try {
        const response = await request(at, end, readOptions);
        body = response.body;
        const judged = await judge(response, { start: at, end, size }, whole, readOptions);
        if (!(judged instanceof RegistryError)) {
          const reader = body?.getReader();
          try {
            let skip = at - judged.from;
            while (at < end) {
              const result = await reader?.read();
              if (result === undefined || result.done) break;
              const chunk = result.value.subarray(Math.min(skip, result.value.length));
              skip -= result.value.length - chunk.length;
              if (chunk.length === 0) continue;
              const piece = chunk.subarray(0, end - at);
              at += piece.length;
              yield piece;
            }
          } finally {
            reader?.releaseLock();
            if (at !== judged.until) void body?.cancel().catch(() => {});
            // It has come to its end, which a length tells at once; a chunked body's last chunk may be late.
            else if (contentLengthOf(response.headers) === undefined) void drainBody(body);
            else await drainBody(body);
          }
          if (at >= end) return;
          // A server may send less than was asked for, and say so: the rest is the next request's.
          if (at === judged.until && ++breaks <= MAX_BREAKS) continue;
          failure = new RegistryError(
            "ERR_REGISTRY_NETWORK",
            `Cannot read bytes ${start} to ${end} of ${name}: the answer ended at byte ${at}`,
            { ...client.contextOf({ method: "GET" }, response), retryable: true },
          );
        } else {
          failure = judged;
          faults += 1;
          // What contradicts itself twice will do so again.
          if (faults > 1) throw failure;
          signed = undefined;
        }
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof RegistryError) || !error.retryable || body === null) throw error;
        failure = error;
      }
      if (at - forgiven >= FORGIVING_PROGRESS) {
        forgiven = at;
        attempt = 0;
      }
      const delayMs =
        ++breaks > MAX_BREAKS
          ? undefined
          : retryDelayMs({ attempt, maxRetries, retryAfterMs: failure.retryAfterMs, random: timer.random() });
      if (delayMs === undefined) throw failure;
      attempt += 1;
      const url = redactUrl(client.url(`blobs/${digest}`));
      const counts = { attempt: attempt + 1, attempts: maxRetries + 1 };
      client.options.onEvent?.({
        v: 1,
        type: "retry",
        method: "GET",
        url,
        delayMs,
        reason: failure.message,
        ...counts,
      });
      await sleep(timer, delayMs, signal);
    }
  }

  /** Which of the blob's bytes a response brings, or what is wrong with it. */
  async function judge(
    response: ClientResponse,
    want: WantedRange,
    whole: boolean,
    readOptions: ReadOptions | undefined,
  ): Promise<{ readonly from: number; readonly until: number } | RegistryError> {
    const context = client.contextOf({ method: "GET" }, response);
    const host = response.location.host;
    const action = `read bytes ${want.start} to ${want.end} of ${name}`;
    const drop = (): void => void response.body?.cancel().catch(() => {});
    const answer = classifyRange(response.status, response.headers, want);
    switch (answer.kind) {
      case "bytes": {
        // Where the whole blob is wanted, what is skipped has been paid for by a break, and there is no other way.
        if (want.start - answer.from <= options.maxSkipBytes || whole) return answer;
        drop();
        return new RegistryError(
          "ERR_REGISTRY_RANGE_UNSUPPORTED",
          `Cannot ${action}: ${host} answers a range request with the whole blob; a pull-through cache does so until the image has been pulled through it once; else copy the image to a registry that serves ranges`,
          context,
        );
      }
      case "coding":
        drop();
        return new RegistryError(
          "ERR_REGISTRY_CONTENT_CODING",
          `Cannot ${action}: something between here and ${host} put the content coding "${answer.coding}" on it, so its bytes are not the blob's; switch off compression for /v2/ in the proxy there`,
          context,
        );
      case "unsatisfiable": {
        drop();
        const found = answer.size ?? (await sizeOf(readOptions));
        if (found !== undefined && found !== size)
          throw new OciError(
            "ERR_OCI_SIZE_MISMATCH",
            `Cannot ${action}: ${host} has ${found} bytes of it, not ${size}`,
          );
        throw new RegistryError(
          "ERR_REGISTRY_PROTOCOL",
          `Cannot ${action}: ${host} says that the range is outside its ${size} bytes`,
          context,
        );
      }
      case "fault":
        drop();
        return new RegistryError("ERR_REGISTRY_PROTOCOL", `Cannot ${action}: ${host} sent ${answer.what}`, context);
    }
  }

  async function sizeOf(readOptions: ReadOptions | undefined): Promise<number | undefined> {
    return (await statBlob(client, digest, readOptions))?.size;
  }

  return {
    size,
    async read(offset, length, readOptions) {
      readOptions?.signal?.throwIfAborted();
      checkBlobRange(size, offset, length);
      const bytes = new Uint8Array(length);
      let filled = 0;
      for await (const chunk of chunks(offset, offset + length, readOptions)) {
        bytes.set(chunk, filled);
        filled += chunk.length;
      }
      return bytes;
    },
    stream(offset, length, readOptions) {
      checkBlobRange(size, offset, length);
      // A cancelled stream gives up the request that is under way, not only the next one.
      const controller = new AbortController();
      const signal = readOptions?.signal;
      const onAbort = (): void => controller.abort(signal?.reason);
      if (signal?.aborted) onAbort();
      signal?.addEventListener("abort", onAbort, { once: true });
      const release = (): void => signal?.removeEventListener("abort", onAbort);
      const iterator = chunks(offset, offset + length, { ...readOptions, signal: controller.signal });
      return new ReadableStream<Uint8Array>(
        {
          async pull(stream) {
            try {
              const { done, value } = await iterator.next();
              if (!done) return stream.enqueue(value);
              release();
              stream.close();
            } catch (error) {
              release();
              throw error;
            }
          },
          async cancel(reason) {
            release();
            controller.abort(reason);
            await iterator.return(undefined).catch(() => {});
          },
        },
        { highWaterMark: 0 },
      );
    },
  };
}

/** Statuses of a signed URL that has ended, or that a cache gave out too late: S3 says 403 or 400, others 401 or 410. */
function isExpired(status: number): boolean {
  return status === 400 || status === 401 || status === 403 || status === 404 || status === 410;
}
