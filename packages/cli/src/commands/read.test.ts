import { decodeManifest, encodeManifest, OCI_MANIFEST, type ImageManifest } from "@socikit/oci";
import { createMemoryStore, handlerTransport, openRepository, type Transport } from "@socikit/registry";
import { createRegistryHandler } from "@socikit/registry/server";
import { beforeAll, describe, expect, test } from "vitest";
import { main } from "../main.ts";
import { noise, pushBlob, pushImage } from "../testing/test-image.ts";
import { testIo, textOutput, type TestIo } from "../testing/test-io.ts";

const REF = "registry.test/a/image:1";
const NUMBERS = noise(300_000);
const store = createMemoryStore();
let transport: Transport;

beforeAll(async () => {
  transport = handlerTransport(createRegistryHandler(store));
  const repository = store.repository("a/image");
  const image = await pushImage(repository, {
    layers: [
      [
        { name: "etc/", flag: "5" },
        { name: "etc/gone", text: "gone" },
        { name: "etc/numbers", text: NUMBERS },
        { name: "etc/link", flag: "2", link: "numbers" },
        { name: "etc/\u001b[31mred", text: "red" },
        { name: "bin", flag: "2", link: "etc" },
      ],
      [{ name: "etc/.wh.gone" }, { name: "etc/hostname", text: "test\n" }],
    ],
  });
  await repository.tag("1", image);
  const io = testIo({ transport });
  const code = await main(["create", REF, "--min-layer-size", "0", "--span-size", "64KiB"], io);
  if (code !== 0) throw new Error(io.stderr.text());
});

async function run(args: readonly string[], change: Partial<TestIo> = {}): Promise<TestIo & { code: number }> {
  const io = testIo({ transport, ...change });
  return { ...io, code: await main(args, io) };
}

test.for<readonly [args: readonly string[], out: string, reason: string]>([
  [["ls", REF], "bin\netc\n", "the root"],
  [["ls", REF, "/etc"], "\u001b[31mred\nhostname\nlink\nnumbers\n", "whiteouts applied; names as they are into a pipe"],
  [["ls", REF, "etc/"], "\u001b[31mred\nhostname\nlink\nnumbers\n", "a path as people write it"],
  [["ls", REF, "/bin"], "\u001b[31mred\nhostname\nlink\nnumbers\n", "a link to a directory"],
  [["ls", REF, "/etc/hostname"], "/etc/hostname\n", "a file"],
  [["ls", REF, "-R"], "/bin\n/etc\n/etc/\u001b[31mred\n/etc/hostname\n/etc/link\n/etc/numbers\n", "everything"],
  [
    ["ls", REF, "/bin", "-l"],
    "lrw-r--r--     0     0           3 1970-01-01 00:00 /bin -> etc\n",
    "a link itself, at length",
  ],
  [
    ["ls", REF, "/etc/hostname", "-l"],
    "-rw-r--r--     0     0           5 1970-01-01 00:00 /etc/hostname\n",
    "a file at length",
  ],
  [["cat", REF, "/etc/hostname"], "test\n", "a file"],
  [["cat", REF, "/etc/hostname", "/etc/hostname"], "test\ntest\n", "files in their order"],
  [["cat", REF, "/bin/link", "--range", "10-19"], NUMBERS.slice(10, 20), "a range, through links; both ends included"],
  [["cat", REF, "/etc/numbers", "--range", "299990-"], NUMBERS.slice(299_990), "to the end"],
  [["cat", REF, "/etc/numbers", "--range", "-5"], NUMBERS.slice(-5), "the last five"],
  [["cat", REF, "/etc/numbers", "--range", "400000-"], "", "past the end"],
  [["cat", REF, "/etc/hostname", "--range=0-1000000"], "test\n", "over the end"],
  [["cat", REF, "/etc/numbers"], NUMBERS, "across spans"],
])("%j: %s", async ([args, out]) => {
  const result = await run(args);
  expect(result.stderr.text()).toBe("");
  expect(result.stdout.text()).toBe(out);
  expect(result.code).toBe(0);
});

test("ls on a terminal shows no escapes of names", async () => {
  const stdout = textOutput({ isTTY: true });
  await run(["ls", REF, "/etc"], { stdout, env: { NO_COLOR: "1" } });
  expect(stdout.text()).toBe("\\x1b[31mred\nhostname\nlink\nnumbers\n");
});

test("ls --json is one document", async () => {
  const { stdout } = await run(["ls", REF, "/etc", "--json"]);
  const files: unknown = JSON.parse(stdout.text());
  expect(files).toHaveLength(4);
  expect((files as unknown[])[2]).toEqual({
    path: "/etc/link",
    type: "symlink",
    mode: 0o644,
    size: 7,
    uid: 0,
    gid: 0,
    mtime: 0,
    mtimeNs: 0,
    link: "numbers",
  });
  const empty = await run(["ls", REF, "/etc/hostname", "--json"]);
  expect(JSON.parse(empty.stdout.text())).toHaveLength(1);
});

describe("--trace", () => {
  const STEPS = [
    /^annotation \(v2\): absent: the image has no annotation com\.amazon\.soci\.index-digest$/,
    /^referrers \(v1\): answered: the referrers API lists 1, 1 of them taken for SOCI indexes$/,
    /^referrers \(v1\): found: sha256:[0-9a-f]{64} is listed as a referrer of the image/,
  ];

  test.for([
    ["ls", "bin\netc\n", []],
    ["cat", "test\n", ["/etc/hostname"]],
  ] as const)("of %s says on stderr what was asked and answered, in order", async ([command, out, paths]) => {
    const { stdout, stderr } = await run([command, REF, ...paths, "--trace"]);
    expect(stdout.text()).toBe(out);
    const lines = stderr.text().trimEnd().split("\n");
    expect(lines.map((line, i) => STEPS[i]?.test(line))).toEqual([true, true, true]);
  });

  test("of ls --json is in the document, and not on stderr", async () => {
    const { stdout, stderr } = await run(["ls", REF, "/etc", "--json", "--trace"]);
    expect(stderr.text()).toBe("");
    const { trace, files } = JSON.parse(stdout.text()) as { trace: { code: string }[]; files: unknown[] };
    expect(files).toHaveLength(4);
    expect(trace.map(({ code }) => code).sort()).toEqual(["api-listed", "no-annotation", "referrer"]);
    expect(trace.find(({ code }) => code === "no-annotation")).toEqual({
      step: "annotation",
      outcome: "absent",
      code: "no-annotation",
      asked: "com.amazon.soci.index-digest",
      message: "the image has no annotation com.amazon.soci.index-digest",
    });
  });

  test("of ls --json is on stderr where there is no such path", async () => {
    const { code, stdout, stderr } = await run(["ls", REF, "/no/such", "--json", "--trace"]);
    expect([code, stdout.text()]).toEqual([3, ""]);
    const lines = stderr.text().trimEnd().split("\n");
    expect(STEPS.map((step, i) => step.test(lines[i] ?? ""))).toEqual([true, true, true]);
    expect(lines[3]).toMatch(/^socikit: .*\/no\/such/);
  });

  test("is told where the index that is named cannot be used, too", async () => {
    const index = `sha256:${"0".repeat(64)}`;
    for (const json of [[], ["--json"]]) {
      const { code, stdout, stderr } = await run(["ls", REF, "--index", index, "--trace", ...json]);
      expect([code, stdout.text()]).toEqual([3, ""]);
      expect(stderr.text()).toMatch(
        /^digest: failed: sha256:0+ is named by the caller and cannot be used: .*\nsocikit: /,
      );
    }
  });

  test("tells of a referrer that is passed over once", async () => {
    const repository = store.repository("b/image");
    const image = await pushImage(repository, { layers: [[{ name: "a", text: "a" }]] });
    await repository.tag("1", image);
    const stray = await repository.pushManifest(
      encodeManifest({
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        artifactType: "application/vnd.amazon.soci.index.v1+json",
        config: await pushBlob(repository, new TextEncoder().encode("{}"), "application/vnd.oci.empty.v1+json"),
        layers: [],
        subject: image,
      }),
      OCI_MANIFEST,
    );
    const { stderr } = await run(["ls", "registry.test/b/image:1", "--trace"]);
    const told = stderr
      .text()
      .split("\n")
      .filter((line) => line.includes(stray.digest));
    expect(told).toEqual([expect.stringMatching(/^referrers \(v1\): rejected: /)]);
  });
});

test.for<readonly [args: readonly string[], code: number, error: RegExp, reason: string]>([
  [["cat", REF, "/etc/gone"], 3, /"\/etc\/gone".*"gone" in "\/etc"\n.*socikit ls/, "a file that a layer took away"],
  [["cat", REF, "/etc"], 2, /etc.*\n.*socikit ls/, "a directory"],
  [["ls", REF, "/none/at/all"], 3, /none/, "a directory that is not there"],
  [["ls", "registry.test/a/image:none"], 3, /none/, "a tag that is not there"],
  [["ls", REF, "--platform", "linux/arm64"], 3, /linux\/arm64.*linux\/amd64/, "another platform"],
  [["ls", REF, "--platform", "x"], 2, /"x".*\n.*linux\/amd64/, "no platform"],
  [["cat", REF, "/etc/hostname", "--range", "9"], 2, /"9".*\n.*--range 0-99/, "no range"],
  [["cat", REF, "/etc/hostname", "--range", "9-3"], 2, /"9-3"/, "a range backwards"],
])("%j ends with %s", async ([args, code, error]) => {
  const result = await run(args);
  expect(result.stderr.text()).toMatch(error);
  expect(result.code).toBe(code);
  expect(result.stdout.text()).toBe("");
});

test("--debug shows requests, and the stack of a failure", async () => {
  const { stderr, stdout } = await run(["cat", REF, "/etc/hostname", "--debug"]);
  expect(stdout.text()).toBe("test\n");
  expect(stderr.text()).toMatch(/^> GET https:\/\/registry\.test\/v2\/a\/image\/manifests\/1\n< 200 GET /);
  const failed = await run(["cat", REF, "/none", "--debug"]);
  expect(failed.stderr.text()).toMatch(/\ncaused by LazyReadError: [\s\S]*\n\s+at /);
});

test("cat is quiet when its reader leaves", async () => {
  const stdout = {
    ...textOutput(),
    write: async (): Promise<void> => {
      throw Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
    },
  };
  const { code, stderr } = await run(["cat", REF, "/etc/numbers"], { stdout });
  expect(stderr.text()).toBe("");
  expect(code).toBe(0);
});

test("a registry that is not there, wants a login or is none, is said to be so", async () => {
  const { RegistryError } = await import("@socikit/registry");
  const answer = (status: number, body: string, headers: Record<string, string> = {}): Promise<Transport> =>
    Promise.resolve(handlerTransport(async () => new Response(body, { status, headers })));
  const login = await run(["ls", REF], { openTransport: () => answer(401, "") });
  expect(login.stderr.text()).toMatch(/registry\.test.*401.*\n.*docker login/);
  expect(login.code).toBe(4);
  const denied = await run(["ls", REF], {
    openTransport: () => answer(403, '{"errors":[{"code":"DENIED","message":"no\\u001b[2J way"}]}'),
  });
  expect(denied.stderr.text()).toMatch(/DENIED: no.*way/);
  expect(denied.stderr.text()).not.toContain("\u001b[2J");
  expect(denied.code).toBe(4);
  const page = await run(["ls", REF], {
    openTransport: () => answer(200, "<html>hello</html>", { "content-type": "text/html" }),
  });
  expect(page.code).toBeGreaterThan(0);
  const down = await run(["ls", REF], {
    openTransport: async () => ({
      capabilities: { redirects: "visible", contentCoding: "identity" },
      send: async () => {
        throw new RegistryError("ERR_REGISTRY_NETWORK", "Cannot reach registry.test: connect ECONNREFUSED");
      },
    }),
  });
  expect(down.stderr.text()).toMatch(/registry\.test.*\n.*check that the registry runs/);
  expect(down.code).toBe(1);
});

test.for<readonly [args: readonly string[], code: number, error: RegExp, reason: string]>([
  [
    ["ls", REF, "/none"],
    3,
    /registry\.test\/a\/image:1: .*\n  → .*: socikit ls registry\.test\/a\/image:1\n/,
    "names the image",
  ],
  [["cat", REF, "/etc"], 2, /→ list it: socikit ls registry\.test\/a\/image:1 \/etc\n/, "names the path"],
  [["ls", REF, "--index", "latest"], 2, /"latest".*not a digest/, "an index that is no digest"],
  [["ls", REF, "--index", `sha256:${"0".repeat(64)}`], 3, /0000/, "an index that is not there"],
  [["ls", REF, "-p", "linux/amd64", "-p", "linux/arm64"], 2, /-p is given more than once/, "two platforms"],
  [["cat", REF, "/etc/hostname", "--range", "5-2"], 2, /ends before it begins/, "a range backwards"],
])("%j: exit %d with %s: %s", async ([args, code, error]) => {
  const result = await run(args);
  expect(result.stderr.text()).toMatch(error);
  expect(result.code).toBe(code);
});

test("ls --index reads by the index named", async () => {
  const repository = openRepository(REF, { transport });
  const { digest } = await repository.resolve("1");
  const indexes: string[] = [];
  for await (const referrer of repository.referrers(digest)) indexes.push(referrer.digest);
  const result = await run(["ls", REF, "--index", indexes[0]!]);
  expect(result.stdout.text()).toBe("bin\netc\n");
});

test("reading that is not lazy is told of: no index, or one that is of no use", async () => {
  const store = createMemoryStore();
  const repository = store.repository("a/image");
  const subject = await pushImage(repository, { layers: [[{ name: "big", text: noise(2_000_000) }]] });
  await repository.tag("1", subject);
  const registry = handlerTransport(createRegistryHandler(store));
  const own = { openTransport: async () => registry };
  const bare = await run(["ls", REF], own);
  expect(bare).toMatchObject({ code: 0 });
  expect(bare.stdout.text()).toBe("big\n");
  expect(bare.stderr.text()).toMatch(/registry\.test\/a\/image:1 has no SOCI index.*socikit create registry\.test/s);

  // Its zTOC is not there. The index that is made next stands behind it.
  const { layers } = decodeManifest((await repository.fetchManifest(subject)).bytes) as ImageManifest;
  const missing = { mediaType: "application/octet-stream", digest: `sha256:${"0".repeat(64)}`, size: 5 };
  const broken = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { ...missing, mediaType: "application/vnd.amazon.soci.index.v1+json" },
    layers: [{ ...missing, annotations: { "com.amazon.soci.image-layer-digest": layers[0]!.digest } }],
    subject,
  };
  await repository.pushManifest(new TextEncoder().encode(JSON.stringify(broken)), OCI_MANIFEST);
  expect(await run(["create", REF, "--min-layer-size", "0"], own)).toMatchObject({ code: 0 });
  const passed = await run(["ls", REF], own);
  expect(passed).toMatchObject({ code: 0 });
  expect(passed.stderr.text()).toMatch(/SOCI index sha256:\w+ is passed over: .+/);
});

test("a request that is sent again is told of, the registry that does not answer is named", async () => {
  const busy = handlerTransport(async () => new Response(null, { status: 503, headers: { "retry-after": "0" } }));
  const result = await run(["ls", REF], { openTransport: async () => busy });
  expect(result.code).toBe(1);
  expect(result.stderr.text()).toMatch(/trying again in \d+ ms, 2 of 5\n/);
  expect(result.stderr.text()).toMatch(/given up after 5 attempts/);
});
