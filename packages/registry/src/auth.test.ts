import { describe, expect, test } from "vitest";
import type { Credentials } from "./credentials.ts";
import type { RegistryEvent } from "./events.ts";
import { scriptedRegistry, type Answer, type ScriptedRegistry } from "./testing/scripted-registry.ts";

const TAGS = Response.json.bind(Response, { tags: ["latest"] }) as () => Response;
const PULL = "repository:a/b:pull";

interface TokenServer {
  readonly realm?: string;
  readonly challenge?: string;
  readonly token?: (request: { url: URL; headers: Headers; body: string; count: number }) => Response;
  readonly accepts?: (authorization: string | null) => boolean;
  readonly answer?: Answer;
}

/** A registry behind a token server. */
function guarded(
  options: TokenServer = {},
): ScriptedRegistry & { tokenRequests(): { url: URL; headers: Headers; body: string }[] } {
  const realm = options.realm ?? "https://auth.r.test/token";
  const accepts = options.accepts ?? ((authorization) => authorization === "Bearer t0");
  const tokenRequests: { url: URL; headers: Headers; body: string }[] = [];
  const registry = scriptedRegistry((seen, count) => {
    const url = new URL(seen.url);
    if (url.host === new URL(realm).host && url.pathname === new URL(realm).pathname) {
      const request = { url, headers: seen.headers, body: new TextDecoder().decode(seen.body) };
      tokenRequests.push(request);
      const tokenCount = tokenRequests.length - 1;
      return options.token?.({ ...request, count: tokenCount }) ?? Response.json({ token: `t${tokenCount}` });
    }
    if (!accepts(seen.headers.get("authorization"))) {
      const field = options.challenge ?? `Bearer realm="${realm}",service="r.test",scope="${PULL}"`;
      return Response.json(
        { errors: [{ code: "UNAUTHORIZED", message: "who?" }] },
        { status: 401, headers: { "www-authenticate": field } },
      );
    }
    return options.answer?.(seen, count) ?? TAGS();
  });
  return { ...registry, tokenRequests: () => tokenRequests };
}

const tagsOf = async (
  registry: ScriptedRegistry,
  options: Parameters<ScriptedRegistry["open"]>[0] = {},
): Promise<string[]> => {
  const tags: string[] = [];
  for await (const tag of registry.open(options).tags()) tags.push(tag);
  return tags;
};
const credentials = (value: Credentials) => ({ credentials: async () => value });
const ALICE = credentials({ username: "alice", password: "s3cret:ä" });
const ALICE_BASIC = `Basic ${Buffer.from("alice:s3cret:ä").toString("base64")}`;

describe("a Bearer challenge", () => {
  test("is answered anonymously where there are no credentials", async () => {
    const registry = guarded();
    expect(await tagsOf(registry)).toEqual(["latest"]);
    const [request] = registry.tokenRequests();
    expect(request!.url.href).toBe("https://auth.r.test/token?service=r.test&scope=repository%3Aa%2Fb%3Apull");
    expect(request!.headers.has("authorization")).toBe(false);
  });

  test("is answered with the credentials at the realm, and never shows them to the registry", async () => {
    const registry = guarded();
    await tagsOf(registry, ALICE);
    expect(registry.tokenRequests()[0]!.headers.get("authorization")).toBe(ALICE_BASIC);
    expect(
      registry.seen.filter(({ url }) => url.includes("/v2/")).map(({ headers }) => headers.get("authorization")),
    ).toEqual([null, "Bearer t0"]);
  });

  test("is answered with a refresh token by POST", async () => {
    const registry = guarded({ token: () => Response.json({ access_token: "t0" }) });
    await tagsOf(registry, credentials({ identityToken: "refresh me" }));
    const [request] = registry.tokenRequests();
    expect(Object.fromEntries(new URLSearchParams(request!.body))).toEqual({
      grant_type: "refresh_token",
      service: "r.test",
      client_id: "socikit",
      scope: PULL,
      refresh_token: "refresh me",
    });
  });

  test("is answered with a registry token as it is", async () => {
    const registry = guarded({ accepts: (authorization) => authorization === "Bearer mine" });
    expect(await tagsOf(registry, credentials({ registryToken: "mine" }))).toEqual(["latest"]);
    expect(registry.tokenRequests()).toEqual([]);
  });

  test("is met once: later requests carry the token, other scopes fetch another", async () => {
    const registry = guarded({ accepts: (authorization) => authorization !== null });
    const repository = registry.open();
    for (let i = 0; i < 2; i++) for await (const _ of repository.tags());
    expect(registry.tokenRequests()).toHaveLength(1);
    expect(registry.seen.filter(({ url }) => url.includes("/v2/"))).toHaveLength(3);
    await repository.begin().catch(() => {});
    expect(registry.tokenRequests().map(({ url }) => url.searchParams.getAll("scope"))).toEqual([
      [PULL],
      ["repository:a/b:pull,push"],
    ]);
  });

  test("is answered once for requests side by side", async () => {
    const registry = guarded({ accepts: (authorization) => authorization !== null });
    const repository = registry.open();
    for await (const _ of repository.tags());
    const before = registry.tokenRequests().length;
    await Promise.all([repository.begin().catch(() => {}), repository.begin().catch(() => {})]);
    expect(registry.tokenRequests()).toHaveLength(before + 1);
  });

  test("comes again when the token has ended: a new one is fetched", async () => {
    let valid = "Bearer t0";
    const registry = guarded({ accepts: (authorization) => authorization === valid });
    const repository = registry.open();
    for await (const _ of repository.tags());
    valid = "Bearer t1";
    for await (const _ of repository.tags());
    expect(registry.tokenRequests()).toHaveLength(2);
  });

  test("a token is not used past its end", async () => {
    let now = 1_000_000;
    const timer = { now: () => now, after: () => () => {}, random: () => 0 };
    const registry = guarded({
      accepts: (authorization) => authorization !== null,
      token: () => Response.json({ token: "t", expires_in: 100 }),
    });
    const repository = registry.open({ timer });
    for await (const _ of repository.tags());
    now += 89_000;
    for await (const _ of repository.tags());
    expect(registry.tokenRequests()).toHaveLength(1);
    now += 2_000;
    for await (const _ of repository.tags());
    expect(registry.tokenRequests()).toHaveLength(2);
  });

  test("keeps a scope that only the registry understands (public.ecr.aws)", async () => {
    const registry = guarded({ challenge: 'Bearer realm="https://auth.r.test/token",service="r.test",scope="aws"' });
    await tagsOf(registry);
    expect(registry.tokenRequests()[0]!.url.searchParams.getAll("scope")).toEqual(["aws", PULL]);
  });

  test("at another site: the credentials stay here, and it is said", async () => {
    const events: RegistryEvent[] = [];
    const registry = guarded({ realm: "https://evil.test/token?x=secret", accepts: () => false });
    const error = await tagsOf(registry, { ...ALICE, onEvent: (event) => events.push(event) }).catch(
      (thrown: unknown) => thrown,
    );
    expect(registry.tokenRequests().every(({ headers }) => !headers.has("authorization"))).toBe(true);
    expect(error).toMatchObject({
      code: "ERR_REGISTRY_UNAUTHORIZED",
      details: [{ code: "UNAUTHORIZED", message: "who?" }],
    });
    expect(String(error)).toContain("were not sent to its token server at evil.test");
    expect(events.filter(({ type }) => type === "credentials-withheld")).toEqual([
      { v: 1, type: "credentials-withheld", registry: "r.test", realm: "https://evil.test/token" },
    ]);
  });

  test("at a trusted host of another site gets the credentials", async () => {
    const registry = guarded({ realm: "https://sso.test/token" });
    await tagsOf(registry, { ...ALICE, trustedRealmHosts: ["sso.test"] });
    expect(registry.tokenRequests()[0]!.headers.get("authorization")).toBe(ALICE_BASIC);
  });

  test.for<[string, string]>([
    ["over http", "http://r.test/token"],
    ["at the metadata service", "https://169.254.169.254/token"],
    ["of another scheme", "file:///etc/passwd"],
  ])("with a realm %s is refused", async ([, realm]) => {
    const registry = guarded({ challenge: `Bearer realm="${realm}"` });
    await expect(tagsOf(registry)).rejects.toMatchObject({ code: "ERR_REGISTRY_REDIRECT" });
  });

  test.for<[string, () => Response, string]>([
    [
      "redirects elsewhere",
      () => new Response(null, { status: 302, headers: { location: "https://evil.test/t" } }),
      "ERR_REGISTRY_REDIRECT",
    ],
    [
      "redirects for ever",
      () => new Response(null, { status: 302, headers: { location: "/token" } }),
      "ERR_REGISTRY_REDIRECT",
    ],
    [
      "refuses",
      () => Response.json({ errors: [{ code: "DENIED", message: "no" }] }, { status: 401 }),
      "ERR_REGISTRY_UNAUTHORIZED",
    ],
    ["says 404", () => new Response(null, { status: 404 }), "ERR_REGISTRY_STATUS"],
    ["says 429", () => new Response(null, { status: 429 }), "ERR_REGISTRY_RATE_LIMITED"],
    ["sends HTML", () => new Response("<html>"), "ERR_REGISTRY_PROTOCOL"],
    ["sends no token", () => Response.json({}), "ERR_REGISTRY_PROTOCOL"],
    ["sends null", () => Response.json(null), "ERR_REGISTRY_PROTOCOL"],
    ["sends a token with a line break", () => Response.json({ token: "a\r\nx: y" }), "ERR_REGISTRY_PROTOCOL"],
    ["sends 64 KiB and a byte", () => new Response(" ".repeat(64 * 1024 + 1)), "ERR_REGISTRY_TOO_LARGE"],
  ])("whose token server %s ends in an error without the secret", async ([, token, code]) => {
    const registry = guarded({ token });
    const error = await tagsOf(registry, ALICE).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toContain("s3cret");
  });

  test("whose token server sends 64 KiB is taken", async () => {
    const json = JSON.stringify({ token: "t0" });
    const registry = guarded({ token: () => new Response(json + " ".repeat(64 * 1024 - json.length)) });
    expect(await tagsOf(registry)).toEqual(["latest"]);
  });

  test("that is never content ends, saying what is missing", async () => {
    const registry = guarded({ accepts: () => false });
    const error = await tagsOf(registry).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "ERR_REGISTRY_UNAUTHORIZED", status: 401 });
    expect(String(error)).toContain("there are no credentials for r.test: log in to it first");
    expect(registry.seen.length).toBeLessThan(6);
  });
});

describe("a Basic challenge", () => {
  const challenge = 'Basic realm="basic, realm"';

  test("is answered with the credentials, and from then on without being asked", async () => {
    const registry = guarded({ challenge, accepts: (authorization) => authorization === ALICE_BASIC });
    const repository = registry.open(ALICE);
    for (let i = 0; i < 2; i++) for await (const _ of repository.tags());
    expect(registry.seen.map(({ headers }) => headers.get("authorization"))).toEqual([null, ALICE_BASIC, ALICE_BASIC]);
  });

  test("with wrong credentials, or none, is tried once", async () => {
    const wrong = guarded({ challenge, accepts: () => false });
    await expect(tagsOf(wrong, ALICE)).rejects.toThrow(/does not take the credentials for r\.test/);
    expect(wrong.seen).toHaveLength(2);
    const none = guarded({ challenge, accepts: () => false });
    await expect(tagsOf(none)).rejects.toThrow(/no credentials for r\.test/);
    expect(none.seen).toHaveLength(1);
  });
});

test("credentials are looked up by the name in the reference", async () => {
  const asked: unknown[] = [];
  const registry = scriptedRegistry(({ headers }) =>
    headers.has("authorization")
      ? TAGS()
      : new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } }),
  );
  const provider = async (host: string, repository: string): Promise<Credentials> => {
    asked.push([host, repository]);
    return { username: "u", password: "p" };
  };
  await tagsOf(registry, { reference: "docker.io/alpine", credentials: provider });
  expect(asked).toEqual([["docker.io", "library/alpine"]]);
  expect(registry.seen[0]!.url).toBe("https://registry-1.docker.io/v2/library/alpine/tags/list");
});

test("a redirect takes no Authorization along, and gets none back on the way home", async () => {
  const registry = scriptedRegistry(({ url, headers }) => {
    if (!headers.has("authorization") && url === "https://r.test/v2/a/b/tags/list")
      return new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } });
    if (url === "https://r.test/v2/a/b/tags/list")
      return new Response(null, { status: 307, headers: { location: "https://r.test:444/x" } });
    if (url === "https://r.test:444/x")
      return new Response(null, { status: 307, headers: { location: "https://r.test/back" } });
    return TAGS();
  });
  expect(await tagsOf(registry, ALICE)).toEqual(["latest"]);
  expect(registry.seen.map(({ url, headers }) => [url, headers.get("authorization")])).toEqual([
    ["https://r.test/v2/a/b/tags/list", null],
    ["https://r.test/v2/a/b/tags/list", ALICE_BASIC],
    ["https://r.test:444/x", null],
    ["https://r.test/back", null],
  ]);
});

test("where a credential helper has the credentials, the refusal says that it is not run", async () => {
  const provider = Object.assign(async () => undefined, { helperFor: async () => "desktop" });
  const refusing = guarded({ token: () => new Response(null, { status: 401 }) });
  const basic = guarded({ challenge: 'Basic realm="x"' });
  for (const registry of [refusing, basic])
    await expect(registry.open({ credentials: provider }).fetchManifest("v1")).rejects.toMatchObject({
      code: "ERR_REGISTRY_UNAUTHORIZED",
      message: expect.stringMatching(/helper "desktop", and helpers are not run.*DOCKER_AUTH_CONFIG/) as string,
    });
});
