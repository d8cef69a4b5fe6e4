import { printable, type ReadOptions } from "@socikit/oci";
import { Authorizer } from "./auth.ts";
import type { CredentialProvider } from "./credentials.ts";
import { RegistryError, type RegistryErrorContext } from "./errors.ts";
import type { RegistryEvent } from "./events.ts";
import { exchange } from "./exchange.ts";
import type { Limits } from "./limits.ts";
import { finishBody, readPrefix } from "./read-body.ts";
import { redactUrl } from "./redact.ts";
import { crossOriginHeaders, isRedirect, mayContact, MAX_REDIRECTS } from "./redirect.ts";
import { contentCodingOf, MAX_ERROR_BODY, parseErrorBody } from "./responses.ts";
import { retryAfterMs, retryDelayMs } from "./retry.ts";
import type { Scope } from "./scopes.ts";
import { statusError, type Refusal } from "./status-error.ts";
import { sleep, type Timer } from "./timer.ts";
import type { Transport, TransportResponse } from "./transport.ts";

/** A request to a registry, or to where it sends its clients. */
export interface ClientRequest {
  /** What is being done, for messages: `fetch manifest of host/name:tag`. */
  readonly action: string;
  /** What is not there where the answer is 404. */
  readonly target: Refusal["target"];
  /** HTTP method. */
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE";
  /** Absolute URL. */
  readonly url: URL;
  /** Header fields by lower-case name. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body. */
  readonly body?: Uint8Array;
  /** What a token must allow. */
  readonly scopes: readonly Scope[];
  /** Whether a response is one to return; every other becomes an error. */
  readonly accept: (response: ClientResponse) => boolean;
  /** Repetitions of what failed in a way worth repeating, where not the client's. */
  readonly maxRetries?: number;
  /** Longest wait for the response's header in ms, where longer than the client's. */
  readonly headersTimeoutMs?: number;
}

/** A response, with where it came from. */
export interface ClientResponse extends TransportResponse {
  /** The last hop. */
  readonly location: URL;
  /** Whether the registry sent us to another origin. */
  readonly foreign: boolean;
}

/** What a {@linkcode RegistryClient} stands on. */
export interface ClientOptions {
  /** How requests are sent. */
  readonly transport: Transport;
  /** The registry's origin. */
  readonly origin: URL;
  /** The registry as the reference has it. */
  readonly registryHost: string;
  /** The repository as it is named at the registry. */
  readonly repository: string;
  /** Where credentials come from. */
  readonly credentials?: CredentialProvider | undefined;
  /** Token servers that the user trusts. */
  readonly trustedRealmHosts: readonly string[];
  /** Repetitions of what failed in a way worth repeating. */
  readonly maxRetries: number;
  /** How long and how much. */
  readonly limits: Limits;
  /** The clock and the dice. */
  readonly timer: Timer;
  /** User-Agent field. */
  readonly userAgent: string;
  /** Hears of requests. */
  readonly onEvent?: ((event: RegistryEvent) => void) | undefined;
}

/** Sends requests to one registry for one repository: answers challenges, follows redirects, repeats what is worth repeating. */
export class RegistryClient {
  /** What it stands on. */
  readonly options: ClientOptions;
  readonly #authorizer: Authorizer;

  /** @param options What it stands on. */
  constructor(options: ClientOptions) {
    this.options = options;
    this.#authorizer = new Authorizer(options);
  }

  /** URL below `/v2/<repository>/`. */
  url(path: string, query: Readonly<Record<string, string>> = {}): URL {
    const url = new URL(`/v2/${this.options.repository}/${path}`, this.options.origin);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    return url;
  }

  /**
   * Sends a request until a response is accepted.
   *
   * @throws {RegistryError} for any other response, with the registry's own words, and where none came.
   */
  async send(request: ClientRequest, options?: ReadOptions): Promise<ClientResponse> {
    const { timer, onEvent } = this.options;
    const signal = options?.signal;
    const maxRetries = request.maxRetries ?? this.options.maxRetries;
    const began = timer.now();
    for (let attempt = 0; ; attempt++) {
      let failure: RegistryError;
      try {
        // Each attempt follows from how the one before it ended.
        const response = await this.#follow(request, signal);
        if (request.accept(response)) return await this.#checkCoding(request, response);
        failure = await this.#refusal(request, response);
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error;
        failure = error;
      }
      const tookMs = timer.now() - began;
      // Who waits for a list or a manifest waits in silence, and a minute of it is enough.
      const isOver =
        failure.code === "ERR_REGISTRY_TIMEOUT" &&
        isDocument(request) &&
        tookMs >= this.options.limits.documentTimeoutMs;
      const delayMs =
        failure.retryable && !isOver
          ? retryDelayMs({
              attempt,
              maxRetries,
              retryAfterMs: failure.retryAfterMs,
              random: timer.random(),
            })
          : undefined;
      if (delayMs === undefined) throw attempt === 0 ? failure : givenUp(failure, attempt + 1, tookMs);
      onEvent?.({
        v: 1,
        type: "retry",
        method: request.method,
        url: redactUrl(request.url),
        delayMs,
        reason: failure.message,
        attempt: attempt + 2,
        attempts: maxRetries + 1,
      });
      await sleep(timer, delayMs, signal);
    }
  }

  /** What is known of an exchange, for errors. */
  contextOf(request: Pick<ClientRequest, "method">, response: ClientResponse): RegistryErrorContext {
    return { status: response.status, method: request.method, url: redactUrl(response.location) };
  }

  /** A manifest or list that comes compressed though it was asked for as it is. Blobs are judged by who reads them. */
  async #checkCoding(request: ClientRequest, response: ClientResponse): Promise<ClientResponse> {
    const coding = contentCodingOf(response.headers);
    const decoded = this.options.transport.capabilities.contentCoding === "decoded";
    if (coding === undefined || decoded || response.body === null || request.target === "blob") return response;
    await response.body.cancel();
    throw new RegistryError(
      "ERR_REGISTRY_CONTENT_CODING",
      `Cannot ${request.action}: something between here and ${response.location.host} put the content coding "${printable(coding, 20)}" on the answer`,
      this.contextOf(request, response),
    );
  }

  async #refusal(request: ClientRequest, response: ClientResponse): Promise<RegistryError> {
    const { status } = response;
    // docker-registry announces the whole blob's length with a 416 and closes the connection after 33 bytes.
    if (status === 416) void response.body?.cancel().catch(() => {});
    const details = status === 416 ? [] : parseErrorBody(await readPrefix(response.body, MAX_ERROR_BODY));
    const refused = (status === 401 || status === 403) && !response.foreign;
    return statusError({
      action: request.action,
      target: request.target,
      status,
      method: request.method,
      url: redactUrl(response.location),
      host: response.location.host,
      details,
      retryAfterMs: retryAfterMs(response.headers.get("retry-after"), this.options.timer.now()),
      hint: refused ? await this.#authorizer.explain() : undefined,
    });
  }

  /** One request through challenges and redirects. */
  async #follow(request: ClientRequest, signal: AbortSignal | undefined): Promise<ClientResponse> {
    const { transport, origin, limits, timer, userAgent, onEvent } = this.options;
    const patient: Limits = {
      ...limits,
      headersTimeoutMs: Math.max(limits.headersTimeoutMs, request.headersTimeoutMs ?? 0),
      ...(isDocument(request) ? { bodyTimeoutMs: limits.documentTimeoutMs } : {}),
    };
    const base = { "user-agent": userAgent, "accept-encoding": "identity", ...request.headers };
    let url = request.url;
    // Once a chain has left the registry, it gets no Authorization field any more, even if it comes back.
    let foreign = url.origin !== origin.origin;
    let answered = false;
    for (let hops = 0; ;) {
      const authorization = foreign ? undefined : await this.#authorizer.header(request.scopes, signal);
      const headers = hops > 0 && foreign ? crossOriginHeaders(base) : base;
      const shown = redactUrl(url);
      onEvent?.({ v: 1, type: "request", method: request.method, url: shown });
      const received = await exchange(
        transport,
        {
          method: request.method,
          url: url.href,
          headers: authorization === undefined ? headers : { ...headers, authorization },
          ...(request.body === undefined ? {} : { body: request.body }),
        },
        patient,
        timer,
        signal,
      );
      onEvent?.({ v: 1, type: "response", method: request.method, url: shown, status: received.status });
      // A page's fetch follows redirects by itself; only the response's URL tells.
      const at = received.url === url.href || !URL.canParse(received.url) ? url : new URL(received.url);
      const response: ClientResponse = { ...received, location: at, foreign: foreign || at.origin !== url.origin };
      if (received.status === 401 && !foreign && !answered) {
        answered = true;
        const challenge = received.headers.get("www-authenticate");
        if (await this.#authorizer.answer(challenge, request.scopes, authorization)) {
          await finishBody(received);
          continue;
        }
      }
      const location = received.headers.get("location");
      if (!isRedirect(received.status) || location === null) return response;
      await finishBody(received);
      const next = mayContact(url, location, "redirect");
      const fail = (what: string): never => {
        throw new RegistryError(
          "ERR_REGISTRY_REDIRECT",
          `Cannot ${request.action}: ${what}`,
          this.contextOf(request, response),
        );
      };
      if (++hops > MAX_REDIRECTS) fail(`there are more than ${MAX_REDIRECTS} redirects, the last from ${url.host}`);
      const leaves = next.origin !== url.origin;
      const reads = request.method === "GET" || request.method === "HEAD";
      // 301, 302 and 303 may turn a write into a GET, which is not what was asked for.
      if (!reads && (leaves || (received.status !== 307 && received.status !== 308)))
        fail(`${url.host} redirects a ${request.method} to ${printable(next.host, 100)}`);
      onEvent?.({ v: 1, type: "redirect", from: shown, to: redactUrl(next) });
      foreign ||= leaves;
      url = next;
    }
  }
}

/** Whether a request asks for something short: a manifest, a list. */
function isDocument({ method, target }: ClientRequest): boolean {
  return (method === "GET" || method === "HEAD") && target !== "blob";
}

/** The failure of the last attempt of several. */
function givenUp(last: RegistryError, attempts: number, tookMs: number): RegistryError {
  const { code, message, status, method, url, details, retryable, cause } = last;
  const context = { status, method, url, details, retryable, retryAfterMs: last.retryAfterMs, cause };
  return new RegistryError(
    code,
    `${message}; given up after ${attempts} attempts in ${Math.round(tookMs / 1000)} s`,
    context,
  );
}
