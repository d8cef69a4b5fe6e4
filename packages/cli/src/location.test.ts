import fc from "fast-check";
import { expect, test } from "vitest";
import { CliError } from "./errors.ts";
import { formatLocation, isSameStore, parseLocation, parseRepository } from "./location.ts";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;

test.for<readonly [text: string, want: unknown, reason: string]>([
  [
    "127.0.0.1:5000/a/b:1.2",
    { kind: "registry", reference: { registry: "127.0.0.1:5000", repository: "a/b", tag: "1.2" } },
    "a tag",
  ],
  [
    `ghcr.io/me/app@${DIGEST}`,
    { kind: "registry", reference: { registry: "ghcr.io", repository: "me/app", digest: DIGEST } },
    "a digest",
  ],
  ["oci-layout:./image", { kind: "layout", directory: "./image" }, "a layout"],
  ["oci-layout:./image:1.2", { kind: "layout", directory: "./image", tag: "1.2" }, "a layout's tag"],
  [`oci-layout:/a/b@${DIGEST}`, { kind: "layout", directory: "/a/b", digest: DIGEST }, "a layout's digest"],
  [`oci:d:t@${DIGEST}`, { kind: "layout", directory: "d", tag: "t", digest: DIGEST }, "both, skopeo's prefix"],
  ["ocidir://a/b:t", { kind: "layout", directory: "a/b", tag: "t" }, "regctl's prefix"],
  ["ocidir:///a/b:t", { kind: "layout", directory: "/a/b", tag: "t" }, "an absolute path after it"],
  ["oci-layout:C:\\images\\a", { kind: "layout", directory: "C:\\images\\a" }, "a drive is no tag's colon"],
  ["oci-layout:C:\\images\\a:t", { kind: "layout", directory: "C:\\images\\a", tag: "t" }, "a drive and a tag"],
  ["oci-archive:a/image.tar", { kind: "archive", file: "a/image.tar" }, "an archive"],
  [
    `oci-archive:i.tar:1.2@${DIGEST}`,
    { kind: "archive", file: "i.tar", tag: "1.2", digest: DIGEST },
    "an image in one",
  ],
  ["oci-layout:me@home:t", { kind: "layout", directory: "me@home", tag: "t" }, "an @ in a name is no digest's"],
])("parseLocation() of %s: %s", ([text, want]) => {
  expect(parseLocation(text)).toEqual(want);
});

test.for<readonly [text: string, code: string, hint: RegExp, reason: string]>([
  ["./image", "ERR_CLI_LOCATION", /oci-layout:\.\/image/, "a path"],
  ["/image", "ERR_CLI_LOCATION", /oci-layout:\/image/, "an absolute path"],
  ["https://ghcr.io/me/app:1", "ERR_CLI_LOCATION", /: ghcr\.io\/me\/app:1$/, "a URL"],
  ["docker://ghcr.io/me/app:1", "ERR_CLI_LOCATION", /: ghcr\.io\/me\/app:1$/, "skopeo's transport"],
  ["rabbitmq:4", "ERR_CLI_LOCATION", /docker\.io\/library\/rabbitmq:4/, "Docker Hub's short name"],
  ["me/app:1", "ERR_CLI_LOCATION", /docker\.io\/me\/app:1/, "Docker Hub's name with a user"],
  ["ghcr.io/me/app", "ERR_CLI_LOCATION", /ghcr\.io\/me\/app:latest/, "neither tag nor digest"],
  ["ghcr.io/Me/app:1", "ERR_CLI_LOCATION", /host\/repo:tag/, "a capital letter"],
  ["oci-layout:", "ERR_CLI_LOCATION", /DIR/, "no directory"],
  ["oci-layout:d@sha256:12", "ERR_CLI_LOCATION", /sha256/, "half a digest"],
  ["./image.tar", "ERR_CLI_LOCATION", /oci-archive:\.\/image\.tar/, "an archive's path"],
  ["oci-archive:", "ERR_CLI_LOCATION", /FILE/, "no file"],
  ["docker-archive:image.tar", "ERR_CLI_LOCATION_NOT_YET", /oci-archive/, "an archive of docker's"],
  ["", "ERR_CLI_LOCATION", /host/, "nothing"],
])("parseLocation() refuses %j with %s: %s", ([text, code, hint]) => {
  expect(() => parseLocation(text)).toThrow(CliError);
  try {
    parseLocation(text);
  } catch (error) {
    expect(error).toMatchObject({ code, hint: expect.stringMatching(hint) });
  }
});

test.for<readonly [text: string, want: unknown, reason: string]>([
  ["ghcr.io/me/app", { kind: "registry", reference: { registry: "ghcr.io", repository: "me/app" } }, "a repository"],
  ["oci-layout:images/a", { kind: "layout", directory: "images/a" }, "a layout"],
  ["oci-archive:a.tar", { kind: "archive", file: "a.tar" }, "an archive"],
  ["ghcr.io/me/app:1", /: ghcr\.io\/me\/app$/, "an image, by its tag"],
  [`ghcr.io/me/app@${DIGEST}`, /: ghcr\.io\/me\/app$/, "an image, by its digest"],
  ["oci:images/a:1", /: oci-layout:images\/a$/, "an image in a layout"],
  ["app", /docker\.io\/library\/app/, "Docker Hub's short name"],
  ["https://ghcr.io/me/app", /: ghcr\.io\/me\/app$/, "a URL"],
])("parseRepository() of %s: %s", ([text, want]) => {
  if (!(want instanceof RegExp)) return expect(parseRepository(text)).toEqual(want);
  expect(() => parseRepository(text)).toThrow(
    expect.objectContaining({ code: "ERR_CLI_LOCATION", hint: expect.stringMatching(want) }),
  );
});

test("formatLocation() is the inverse of parseLocation()", () => {
  const name = fc.stringMatching(/^[a-z0-9]{1,8}$/);
  const location = fc.oneof(
    fc.tuple(name, name, name).map(([host, repo, tag]) => `${host}.io/${repo}/x:${tag}`),
    fc.tuple(name, name).map(([directory, tag]) => `oci-layout:/${directory}:${tag}`),
    name.map((directory) => `oci-layout:${directory}@${DIGEST}`),
    fc.tuple(name, name).map(([file, tag]) => `oci-archive:${file}.tar:${tag}@${DIGEST}`),
  );
  fc.assert(
    fc.property(location, (text) => {
      expect(formatLocation(parseLocation(text))).toBe(text);
    }),
  );
});

test("isSameStore() looks past tags", () => {
  const same = (a: string, b: string): boolean => isSameStore(parseLocation(a), parseLocation(b));
  expect(same("x.io/a:1", "x.io/a:2")).toBe(true);
  expect(same("x.io/a:1", "x.io/b:1")).toBe(false);
  expect(same("oci-layout:a:1", `oci:a@${DIGEST}`)).toBe(true);
  expect(same("oci-layout:x.io/a:1", "x.io/a:1")).toBe(false);
  expect(same("oci-archive:a:1", "oci-archive:a:2")).toBe(true);
  expect(same("oci-archive:a", "oci-layout:a")).toBe(false);
});
