import { printable } from "@socikit/oci";
import { encodeBase64 } from "./base64.ts";
import { parseChallenges } from "./challenge.ts";
import type { CredentialProvider, Credentials } from "./credentials.ts";
import { RegistryError } from "./errors.ts";
import type { RegistryEvent } from "./events.ts";
import { exchange } from "./exchange.ts";
import type { Limits } from "./limits.ts";
import { MAX_SAID, redactUrl } from "./redact.ts";
import { isRedirect, mayContact, MAX_REDIRECTS } from "./redirect.ts";
import { finishBody, readBody, readPrefix } from "./read-body.ts";
import { realmTrust } from "./realm.ts";
import { MAX_ERROR_BODY, parseErrorBody } from "./responses.ts";
import { isRetryableStatus, retryAfterMs } from "./retry.ts";
import { coversScopes, mergeScopes, type Scope } from "./scopes.ts";
import { SingleFlight } from "./single-flight.ts";
import type { Timer } from "./timer.ts";
import type { Transport, TransportRequest, TransportResponse } from "./transport.ts";

/** What an {@linkcode Authorizer} stands on. */
export interface AuthorizerOptions {
  /** The registry's origin: nothing else ever gets its Authorization field. */
  readonly origin: URL;
  /** The registry as the reference has it, for looking up credentials. */
  readonly registryHost: string;
  /** The repository, for looking up credentials. */
  readonly repository: string;
  /** Where credentials come from. */
  readonly credentials?: CredentialProvider | undefined;
  /** Token servers that are trusted with the credentials besides those of {@linkcode realmTrust}. */
  readonly trustedRealmHosts: readonly string[];
  /** How token servers are reached. */
  readonly transport: Transport;
  /** How long they may take. */
  readonly limits: Limits;
  /** The clock. */
  readonly timer: Timer;
  /** User-Agent field. */
  readonly userAgent: string;
  /** Hears of credentials that were withheld. */
  readonly onEvent?: ((event: RegistryEvent) => void) | undefined;
}

interface Token {
  readonly scopes: readonly Scope[];
  readonly realm: string;
  readonly service: string;
  readonly identity: string;
  readonly value: string;
  readonly until: number;
}

type Method =
  | { readonly scheme: "basic" }
  | { readonly scheme: "bearer"; readonly realm: URL; readonly service: string };

/** Largest token response, in bytes. */
const MAX_TOKEN_RESPONSE = 64 * 1024;
/** Lifetime of a token that does not say, and the least that is believed. https://distribution.github.io/distribution/spec/auth/token/ */
const DEFAULT_TOKEN_SECONDS = 60;
const MAX_TOKENS = 64;
/** Largest token taken into a header field. */
const MAX_TOKEN_LENGTH = 32 * 1024;

/**
 * Answers a registry's challenges, and remembers the answers: once a registry has asked, later requests carry what it wants
 * from the start. Tokens are kept by (realm, service, scopes, identity); one for another repository is never used.
 */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #flights: SingleFlight<Token> = new SingleFlight();
  readonly #extraScopes: Map<string, readonly Scope[]> = new Map();
  #tokens: readonly Token[] = [];
  #method: Method | undefined;
  #credentials: Promise<Credentials | undefined> | undefined;
  #withheld = false;

  /** @param options What it stands on. */
  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** The Authorization field for a request that needs `scopes`, as far as is known; `undefined` for none. */
  async header(scopes: readonly Scope[], signal?: AbortSignal): Promise<string | undefined> {
    if (this.#method === undefined) return undefined;
    const credentials = await this.#lookUp();
    if (this.#method.scheme === "basic") {
      return credentials !== undefined && "username" in credentials
        ? `Basic ${encodeBase64(`${credentials.username}:${credentials.password}`)}`
        : undefined;
    }
    if (credentials !== undefined && "registryToken" in credentials) return `Bearer ${credentials.registryToken}`;
    const wanted = mergeScopes([...scopes, ...(this.#extraScopes.get(mergeScopes(scopes).join(" ")) ?? [])]);
    return `Bearer ${(await this.#token(this.#method, wanted, credentials, signal)).value}`;
  }

  /**
   * Takes up the challenges of a 401. Whether the same request, sent again with {@linkcode header}, may fare better.
   *
   * @param field The WWW-Authenticate field.
   * @param used The Authorization field that the 401 refused.
   */
  async answer(field: string | null, scopes: readonly Scope[], used: string | undefined): Promise<boolean> {
    const challenges = parseChallenges(field ?? "");
    const credentials = await this.#lookUp();
    const bearer = challenges.find(({ scheme, parameters }) => scheme === "bearer" && parameters.has("realm"));
    if (bearer !== undefined) {
      const realm = mayContact(this.#options.origin, bearer.parameters.get("realm")!, "token realm");
      this.#method = { scheme: "bearer", realm, service: bearer.parameters.get("service") ?? "" };
      const asked = (bearer.parameters.get("scope") ?? "").split(" ").filter((scope) => scope !== "");
      if (asked.length > 0) this.#extraScopes.set(mergeScopes(scopes).join(" "), asked.slice(0, 20));
      if (credentials !== undefined && "registryToken" in credentials) return used === undefined;
      // A token that was refused is not offered again.
      this.#tokens = this.#tokens.filter(({ value }) => `Bearer ${value}` !== used);
      return true;
    }
    if (challenges.some(({ scheme }) => scheme === "basic")) {
      this.#method = { scheme: "basic" };
      return used === undefined && credentials !== undefined && "username" in credentials;
    }
    return false;
  }

  /** What to say of a 401 or 403 that stays. */
  async explain(): Promise<string> {
    const host = this.#options.registryHost;
    if (this.#withheld && this.#method?.scheme === "bearer")
      return `the credentials for ${host} were not sent to its token server at ${printable(this.#method.realm.host, 100)}, which is of another site`;
    if ((await this.#lookUp().catch(() => undefined)) === undefined) {
      const helper = await this.#options.credentials?.helperFor?.(host).catch(() => undefined);
      return helper === undefined
        ? `there are no credentials for ${host}: log in to it first`
        : `the credentials for ${host} are with the credential helper ${JSON.stringify(printable(helper, 60))}, and helpers are not run: write them into DOCKER_AUTH_CONFIG, or into auths of docker's config.json`;
    }
    return `it does not take the credentials for ${host}, or they do not reach so far`;
  }

  #lookUp(): Promise<Credentials | undefined> {
    const { credentials, registryHost, repository } = this.#options;
    if (this.#credentials === undefined) {
      const lookedUp = credentials === undefined ? Promise.resolve(undefined) : credentials(registryHost, repository);
      // A failed look-up is repeated, not remembered.
      lookedUp.catch(() => (this.#credentials = undefined));
      this.#credentials = lookedUp;
    }
    return this.#credentials;
  }

  #token(
    method: Method & { readonly scheme: "bearer" },
    scopes: readonly Scope[],
    credentials: Credentials | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Token> {
    const { origin, timer, trustedRealmHosts } = this.#options;
    const trust = realmTrust(origin, method.realm, trustedRealmHosts);
    if (trust === "refused") {
      throw new RegistryError(
        "ERR_REGISTRY_REDIRECT",
        `Cannot log in to ${origin.host}: its token server "${printable(redactUrl(method.realm), 100)}" is not one to contact`,
      );
    }
    if (trust === "anonymous" && credentials !== undefined && !this.#withheld) {
      this.#withheld = true;
      const realm = redactUrl(method.realm);
      this.#options.onEvent?.({ v: 1, type: "credentials-withheld", registry: origin.host, realm });
    }
    const usable = trust === "credentials" ? credentials : undefined;
    const identity = identityOf(usable);
    const realm = method.realm.href;
    const known = this.#tokens.find(
      (token) =>
        token.realm === realm &&
        token.service === method.service &&
        token.identity === identity &&
        token.until > timer.now() &&
        coversScopes(token.scopes, scopes),
    );
    if (known !== undefined) return Promise.resolve(known);
    const key = JSON.stringify([realm, method.service, scopes, identity]);
    return this.#flights.run(key, signal, async (flightSignal) => {
      const { value, seconds } = await this.#fetchToken(method, scopes, usable, flightSignal);
      // A tenth of its life early, half a minute at most: requests take time too.
      const until = timer.now() + (seconds - Math.min(30, seconds / 10)) * 1000;
      const token: Token = { scopes, realm, service: method.service, identity, value, until };
      this.#tokens = [...this.#tokens.filter((other) => other.until > timer.now()), token].slice(-MAX_TOKENS);
      return token;
    });
  }

  async #fetchToken(
    method: Method & { readonly scheme: "bearer" },
    scopes: readonly Scope[],
    credentials: Credentials | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly value: string; readonly seconds: number }> {
    const request = tokenRequest(method.realm, method.service, scopes, credentials, this.#options.userAgent);
    const response = await this.#sendToRealm(request, signal);
    const host = this.#options.origin.host;
    const context = { status: response.status, method: request.method, url: redactUrl(request.url) };
    if (response.status !== 200) {
      const details = parseErrorBody(await readPrefix(response.body, MAX_ERROR_BODY));
      const said =
        details[0] === undefined ? "" : ` (${printable(`${details[0].code}: ${details[0].message}`, MAX_SAID)})`;
      const refused = response.status === 400 || response.status === 401 || response.status === 403;
      const who = credentials === undefined ? "an anonymous token" : "a token for these credentials";
      throw new RegistryError(
        refused
          ? "ERR_REGISTRY_UNAUTHORIZED"
          : response.status === 429
            ? "ERR_REGISTRY_RATE_LIMITED"
            : "ERR_REGISTRY_STATUS",
        `Cannot log in to ${host}: its token server answers ${response.status} to the request for ${who}${said}${refused && credentials === undefined ? `; ${await this.explain()}` : ""}`,
        {
          ...context,
          details,
          retryable: isRetryableStatus(response.status),
          retryAfterMs: retryAfterMs(response.headers.get("retry-after"), this.#options.timer.now()),
        },
      );
    }
    const fail = (what: string): RegistryError =>
      new RegistryError(
        "ERR_REGISTRY_PROTOCOL",
        `Cannot log in to ${host}: the token server's answer ${what}`,
        context,
      );
    let json: unknown;
    try {
      json = JSON.parse(
        new TextDecoder().decode(
          await readBody(response.body, MAX_TOKEN_RESPONSE, "the token server's answer", context),
        ),
      );
    } catch (cause) {
      if (signal.aborted || cause instanceof RegistryError) throw cause;
      throw fail("is not JSON");
    }
    if (typeof json !== "object" || json === null) throw fail("is not an object");
    const { token, access_token, expires_in } = json as Record<string, unknown>;
    const value = typeof token === "string" && token !== "" ? token : access_token;
    // It becomes a header field: nothing but visible ASCII.
    if (typeof value !== "string" || value.length > MAX_TOKEN_LENGTH || !/^[\x21-\x7e]+$/.test(value))
      throw fail("has no token");
    const seconds = typeof expires_in === "number" && expires_in > 0 ? expires_in : DEFAULT_TOKEN_SECONDS;
    return { value, seconds: Math.min(seconds, 24 * 3600) };
  }

  /** Sends a token request. Redirects are followed on the realm's origin alone: anywhere else the secret would go along. */
  async #sendToRealm(request: TransportRequest, signal: AbortSignal): Promise<TransportResponse> {
    const { transport, limits, timer } = this.#options;
    let url = new URL(request.url);
    for (let hops = 0; ; hops++) {
      const response = await exchange(
        transport,
        { ...request, url: url.href },
        { ...limits, bodyTimeoutMs: limits.documentTimeoutMs },
        timer,
        signal,
      );
      const location = response.headers.get("location");
      if (!isRedirect(response.status) || location === null) return response;
      await finishBody(response);
      const next = mayContact(url, location, "redirect of the token server");
      if (next.origin !== url.origin || request.method !== "GET" || hops >= MAX_REDIRECTS) {
        throw new RegistryError(
          "ERR_REGISTRY_REDIRECT",
          `Cannot log in to ${this.#options.origin.host}: its token server redirects to ${printable(next.host, 100)}`,
          { status: response.status, method: request.method, url: redactUrl(url) },
        );
      }
      url = next;
    }
  }
}

/** The request for a token. https://distribution.github.io/distribution/spec/auth/token/ and .../auth/oauth/ */
export function tokenRequest(
  realm: URL,
  service: string,
  scopes: readonly Scope[],
  credentials: Credentials | undefined,
  userAgent: string,
): TransportRequest {
  const headers = { accept: "application/json", "user-agent": userAgent };
  if (credentials !== undefined && "identityToken" in credentials) {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      service,
      client_id: "socikit",
      scope: scopes.join(" "),
      refresh_token: credentials.identityToken,
    });
    return {
      method: "POST",
      url: realm.href,
      headers: { ...headers, "content-type": "application/x-www-form-urlencoded" },
      body: new TextEncoder().encode(form.toString()),
    };
  }
  const url = new URL(realm);
  if (service !== "") url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (credentials === undefined || !("username" in credentials)) return { method: "GET", url: url.href, headers };
  const authorization = `Basic ${encodeBase64(`${credentials.username}:${credentials.password}`)}`;
  return { method: "GET", url: url.href, headers: { ...headers, authorization } };
}

function identityOf(credentials: Credentials | undefined): string {
  return credentials === undefined ? "" : JSON.stringify(credentials);
}
