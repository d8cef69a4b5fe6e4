import { expect, test } from "vitest";
import { realmTrust } from "./realm.ts";

test.for<[string, string, string, string]>([
  ["the registry itself", "https://ghcr.io", "https://ghcr.io/token", "credentials"],
  ["another port of its host", "https://r.example:5000", "https://r.example:5001/token", "credentials"],
  ["Docker Hub's", "https://registry-1.docker.io", "https://auth.docker.io/token", "credentials"],
  ["GitLab's", "https://registry.gitlab.com", "https://gitlab.com/jwt/auth", "credentials"],
  ["a sibling", "https://registry.example.com", "https://auth.example.com/t", "credentials"],
  ["a name below", "https://example.com", "https://auth.example.com/t", "credentials"],
  ["another site", "https://registry.example.com", "https://evil.test/t", "anonymous"],
  ["a name that only ends alike", "https://example.com", "https://evilexample.com/t", "anonymous"],
  ["a common top-level domain is no site", "https://registry.com", "https://evil.com/t", "anonymous"],
  ["another address", "https://10.0.0.1", "https://10.0.0.2/t", "anonymous"],
  ["http from https, on the same host", "https://r.example", "http://r.example/t", "refused"],
  ["a password in the URL", "https://r.example", "https://u:p@r.example/t", "refused"],
  ["another scheme", "https://r.example", "ftp://r.example/t", "refused"],
  ["loopback, another port", "http://127.0.0.1:5000", "http://127.0.0.1:5001/t", "credentials"],
  ["loopback by two names", "http://localhost:5000", "http://127.0.0.1:5001/t", "credentials"],
  ["loopback to elsewhere over https", "http://127.0.0.1:5000", "https://evil.test/t", "anonymous"],
  ["loopback to elsewhere over http", "http://127.0.0.1:5000", "http://evil.test/t", "anonymous"],
  ["plain http, a sibling over http", "http://registry.corp.example", "http://auth.corp.example/t", "anonymous"],
])("realmTrust(): %s", ([, registry, realm, want]) => {
  expect(realmTrust(new URL(registry), new URL(realm))).toBe(want);
});

test("realmTrust() heeds hosts that the user trusts, by host and port", () => {
  const registry = new URL("https://r.example.com");
  expect(realmTrust(registry, new URL("https://sso.test/t"), ["sso.test"])).toBe("credentials");
  expect(realmTrust(registry, new URL("https://sso.test:8443/t"), ["sso.test"])).toBe("anonymous");
  expect(realmTrust(registry, new URL("http://sso.test/t"), ["sso.test"])).toBe("refused");
});
