import { chunksOf } from "@socikit/oci";
import { DistributionError } from "./distribution-error.ts";

/** The chunks of a request's body. One that breaks off is the client's fault, 400, and not the store's. */
export async function* requestBody(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncIterable<Uint8Array> {
  try {
    yield* chunksOf(body, signal);
  } catch (cause) {
    throw new DistributionError(400, "SIZE_INVALID", "the request's body broke off", { cause });
  }
}
