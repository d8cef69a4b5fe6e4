import { concatBytes } from "@socikit/oci";
import { RegistryError, type RegistryErrorContext } from "./errors.ts";
import { contentLengthOf } from "./responses.ts";

/** Bytes read for the sake of the connection: a new one costs a round trip or two. */
const MAX_DRAIN = 16 * 1024;

/** Takes chunks until the body ends or `take` has had enough; then lets go of it. */
async function readWhile(body: ReadableStream<Uint8Array>, take: (chunk: Uint8Array) => boolean): Promise<void> {
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    if (!take(value)) {
      await reader.cancel().catch(() => {});
      return;
    }
  }
}

/**
 * A whole body of at most `limit` bytes.
 *
 * @param what Names the body in the message.
 * @throws {RegistryError} `ERR_REGISTRY_TOO_LARGE` past the limit.
 */
export async function readBody(
  body: ReadableStream<Uint8Array> | null,
  limit: number,
  what: string,
  context: RegistryErrorContext,
): Promise<Uint8Array> {
  if (body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  await readWhile(body, (chunk) => {
    size += chunk.length;
    if (size <= limit) chunks.push(chunk);
    return size <= limit;
  });
  if (size > limit)
    throw new RegistryError("ERR_REGISTRY_TOO_LARGE", `Cannot read ${what}: it is longer than ${limit} bytes`, context);
  return concatBytes(chunks);
}

/** The first bytes of a body, `limit` at most. Empty or less where the body breaks. Never fails. */
export async function readPrefix(body: ReadableStream<Uint8Array> | null, limit: number): Promise<Uint8Array> {
  if (body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    await readWhile(body, (chunk) => {
      const piece = chunk.subarray(0, limit - size);
      chunks.push(piece);
      size += piece.length;
      return size < limit;
    });
  } catch {
    // What came says why the request failed; that the rest did not come is less to know.
  }
  return concatBytes(chunks);
}

/** Reads a body's last few bytes, so that its connection can be used again, or cancels it where there is more. Never fails. */
export async function drainBody(body: ReadableStream<Uint8Array> | null, limit: number = MAX_DRAIN): Promise<void> {
  if (body === null || body.locked) return;
  let size = 0;
  try {
    await readWhile(body, (chunk) => (size += chunk.length) <= limit);
  } catch {
    // Nobody waits for these bytes.
  }
}

/**
 * Lets go of a response before the next request. A short body of known length is waited for: it has come with the header,
 * and the next request then finds the connection free. Anything else ends beside it.
 */
export async function finishBody(response: {
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | null;
}): Promise<void> {
  const drained = drainBody(response.body);
  const length = contentLengthOf(response.headers);
  if (length !== undefined && length <= MAX_DRAIN) await drained;
}
