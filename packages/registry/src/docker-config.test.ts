import fc from "fast-check";
import { expect, test } from "vitest";
import { credentialKeys, findCredentials, MAX_CONFIG_SIZE, parseDockerConfig } from "./docker-config.ts";
import { RegistryError } from "./errors.ts";

const auth = (text: string): string => btoa(text);
const find = (auths: unknown, host: string, repository = "a/b"): unknown =>
  findCredentials(parseDockerConfig(JSON.stringify({ auths }), "test"), host, repository);

test.for<[string, unknown, string, unknown]>([
  ["user and password", { "r.test": { auth: auth("u:p") } }, "r.test", { username: "u", password: "p" }],
  ["a password with colons", { "r.test": { auth: auth("u:p:q") } }, "r.test", { username: "u", password: "p:q" }],
  ["a NUL behind it", { "r.test": { auth: auth("u:p\0") } }, "r.test", { username: "u", password: "p" }],
  [
    "fields instead of auth",
    { "r.test": { username: "u", password: "p" } },
    "r.test",
    { username: "u", password: "p" },
  ],
  ["a refresh token", { "r.test": { auth: auth("u:"), identitytoken: "t" } }, "r.test", { identityToken: "t" }],
  ["a refresh token as password", { "r.test": { auth: auth("<token>:t") } }, "r.test", { identityToken: "t" }],
  ["an access token", { "r.test": { registrytoken: "t" } }, "r.test", { registryToken: "t" }],
  ["a key that is a URL", { "https://r.test": { auth: auth("u:p") } }, "r.test", { username: "u", password: "p" }],
  ["a key with a path", { "https://r.test/v2/": { auth: auth("u:p") } }, "r.test", { username: "u", password: "p" }],
  [
    "Docker Hub's key",
    { "https://index.docker.io/v1/": { auth: auth("u:p") } },
    "docker.io",
    { username: "u", password: "p" },
  ],
  [
    "a namespace before its host",
    { "r.test": { auth: auth("u:p") }, "r.test/a": { auth: auth("v:q") } },
    "r.test",
    { username: "v", password: "q" },
  ],
  ["a host with a port is another", { "r.test:5000": { auth: auth("u:p") } }, "r.test", undefined],
  ["an entry whose secret is with a helper", { "r.test": {} }, "r.test", undefined],
  ["a host that ends alike", { "evil-r.test": { auth: auth("u:p") } }, "r.test", undefined],
])("findCredentials(): %s", ([, auths, host, want]) => {
  expect(find(auths, host)).toEqual(want);
});

test.for<[string, string]>([
  ["no JSON", "{secret"],
  ["a list", "[]"],
  ["auths that are none", '{"auths":1}'],
  ["an entry that is none", '{"auths":{"r":1}}'],
  ["an auth without a colon", JSON.stringify({ auths: { r: { auth: auth("secret") } } })],
  ["an auth that is not base64", '{"auths":{"r":{"auth":"secret!"}}}'],
])("parseDockerConfig() refuses %s, and does not quote it", ([, text]) => {
  let error: unknown;
  try {
    parseDockerConfig(text, "file.json");
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: "ERR_REGISTRY_CREDENTIALS" });
  expect(error).not.toHaveProperty("cause");
  expect(String(error)).toContain("file.json");
  expect(String(error)).not.toContain("secret");
});

test("parseDockerConfig() takes a file of its greatest size and refuses one byte more", () => {
  const file = (length: number): string => `{}${" ".repeat(length - 2)}`;
  expect(parseDockerConfig(file(MAX_CONFIG_SIZE), "x").auths.size).toBe(0);
  expect(() => parseDockerConfig(file(MAX_CONFIG_SIZE + 1), "x")).toThrow(RegistryError);
});

test("parseDockerConfig() of any JSON gives a value or a coded error", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        fc.jsonValue().map((auths) => JSON.stringify({ auths })),
        fc.string(),
      ),
      (text) => {
        try {
          parseDockerConfig(text, "x");
        } catch (error) {
          expect(error).toBeInstanceOf(RegistryError);
        }
      },
    ),
  );
});

test("credentialKeys() goes from the particular to the general", () => {
  expect(credentialKeys("r.test", "a/b").slice(0, 4)).toEqual(["r.test/a/b", "r.test/a", "r.test", "https://r.test"]);
});
