import type { ReadOptions } from "@socikit/oci";

/** What a host's HTTP client can promise. */
export interface TransportCapabilities {
  /** Whether redirects come back as responses, or are followed out of sight (browsers). */
  readonly redirects: "visible" | "opaque";
  /** Whether bodies arrive as sent, or with their content coding undone (`fetch`). */
  readonly contentCoding: "identity" | "decoded";
}

/** One request. */
export interface TransportRequest {
  /** HTTP method, upper case. */
  readonly method: string;
  /** Absolute `http:` or `https:` URL. */
  readonly url: string;
  /** Header fields by lower-case name. Content-Length is the transport's. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body, which is not retained. */
  readonly body?: Uint8Array | ReadableStream<Uint8Array>;
}

/** One response. Whoever takes it reads the body to its end or cancels it. */
export interface TransportResponse {
  /** HTTP status. */
  readonly status: number;
  /** Header fields. */
  readonly headers: Headers;
  /** Where the response came from: the request's URL, or the last of the redirects that were followed out of sight. */
  readonly url: string;
  /** The body; `null` where there is none. */
  readonly body: ReadableStream<Uint8Array> | null;
}

/**
 * Does one exchange: follows no redirect and decodes no content coding where the host lets it choose, and says so in
 * `capabilities`. Rejects with whatever the host's client throws when no response comes.
 */
export interface Transport {
  /** What the host can promise. */
  readonly capabilities: TransportCapabilities;
  /** Sends one request. `signal` also ends the body. */
  send(request: TransportRequest, options?: ReadOptions): Promise<TransportResponse>;
}
