// SOCI artifacts of repositories, in registries with and without the referrers API: listed, pruned, and the index that is left found.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { bytesSource, decodeManifest, digestOf, encodeManifest, referrersTag, uploadBlob } from "@socikit/oci";
import { openRepository } from "@socikit/registry";
import { nodeTransport } from "@socikit/registry/node";
import { describeTrace, discoverSociIndex } from "@socikit/soci-index";
import { createIndex } from "@socikit/soci-index/build";
import { executePrune, planPrune, surveyRepository } from "@socikit/soci-index/lifecycle";
import { tarEntry } from "../differential/tar-writer.mjs";
import { startDockerRegistry, startReferrersRegistry } from "./registries.mjs";
import { socikit } from "./socikit.mjs";

const work = mkdtempSync(join(tmpdir(), "socikit-life-cycle-"));
const transport = nodeTransport();
const registries = {};

before(async () => {
  // One after the other, so that those before one that does not start are stopped.
  registries.tags = await startDockerRegistry(join(work, "tags"));
  registries.api = await startReferrersRegistry(join(work, "api"));
  registries.keeping = await startDockerRegistry(join(work, "keeping"), { deletions: false });
});
after(async () => {
  await transport.close();
  for (const registry of Object.values(registries)) await registry.stop();
  rmSync(work, { recursive: true, force: true });
});

/** Pushes an image of one layer, and tags it. */
async function pushImage(repository, tag) {
  const layer = new Uint8Array(
    gzipSync(Buffer.concat([tarEntry({ name: tag }, Buffer.from(tag)), Buffer.alloc(1024)])),
  );
  const config = new TextEncoder().encode(`{"os":"linux","architecture":"amd64","config":{"Labels":{"a":"${tag}"}}}`);
  const put = async (mediaType, bytes) => {
    const blob = { mediaType, digest: digestOf(bytes), size: bytes.length };
    await uploadBlob(repository, bytesSource(bytes), blob);
    return blob;
  };
  const manifest = encodeManifest({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: await put("application/vnd.oci.image.config.v1+json", config),
    layers: [await put("application/vnd.oci.image.layer.v1.tar+gzip", layer)],
  });
  const descriptor = await repository.pushManifest(manifest, "application/vnd.oci.image.manifest.v1+json");
  await repository.tag(tag, descriptor);
  return { descriptor, manifest: decodeManifest(manifest) };
}

async function makeRepository(host, name = "a/b") {
  const repository = openRepository(`${host}/${name}`, { transport, plainHttp: true });
  const [kept, old] = [await pushImage(repository, "kept"), await pushImage(repository, "old")];
  const index = async (image, buildToolIdentifier) => {
    const options = { minLayerSize: 0, ...(buildToolIdentifier === undefined ? {} : { buildToolIdentifier }) };
    const { indexes } = await createIndex({ image: repository, target: repository }, image.descriptor.digest, options);
    return indexes[0].index.digest;
  };
  return {
    repository,
    kept,
    old,
    first: await index(kept),
    second: await index(kept, "another"),
    stale: await index(old),
  };
}

const states = (survey) =>
  Object.fromEntries(survey.artifacts.map(({ descriptor, state }) => [descriptor.digest, state]));

for (const kind of ["tags", "api"]) {
  test(`indexes of images that are gone are found and pruned, with referrers by ${kind}`, async () => {
    const { repository, kept, old, first, second, stale } = await makeRepository(registries[kind].host);
    const subjects = [old.descriptor.digest];
    const whole = await surveyRepository(repository, { subjects });
    const stateOf = (survey) => Object.values(states(survey)).sort();
    assert.deepEqual(stateOf(whole), ["shadowed", "used", "used"]);
    assert.equal(whole.lists.length, kind === "tags" ? 2 : 0);
    assert.deepEqual(planPrune(whole).steps, []);

    // One keeps what a tag names when it is deleted by its digest, the other takes no deletions of tags.
    if (kind === "api") await repository.untag("old");
    await repository.deleteManifest(old.descriptor.digest);
    const survey = await surveyRepository(repository, { subjects });
    assert.deepEqual(stateOf(survey), ["orphaned", "shadowed", "used"]);
    assert.equal(states(survey)[stale], "orphaned");
    // This registry with the API lists in another order each time.
    const used = Object.entries(states(survey)).find(([, state]) => state === "used")[0];
    assert.ok([first, second].includes(used));
    const plan = planPrune(survey, { shadowed: true });
    assert.deepEqual(
      plan.steps.map(({ action, reason }) => `${action} ${reason}`),
      kind === "tags"
        ? ["update-list shadowed", "delete-list subject-gone", "delete-index shadowed", "delete-index subject-gone"]
        : ["delete-index shadowed", "delete-index subject-gone"],
    );
    const result = await executePrune(repository, plan);
    assert.deepEqual(
      result.steps.map(({ outcome }) => outcome),
      plan.steps.map(() => "done"),
      JSON.stringify(result.steps),
    );
    assert.deepEqual(states(await surveyRepository(repository, { subjects })), { [used]: "used" });
    await assert.rejects(repository.resolve(stale), { code: "ERR_REGISTRY_MANIFEST_UNKNOWN" });
    await assert.rejects(repository.resolve(referrersTag(old.descriptor.digest)), { notFound: true });

    const events = [];
    const found = await discoverSociIndex({ index: repository }, kept, { onEvent: (event) => events.push(event) });
    assert.equal(found.descriptor.digest, used);
    const answer = kind === "tags" ? /the registry has no referrers API/ : /the referrers API lists 1, 1 of them taken/;
    assert.ok(
      describeTrace(events).some((line) => answer.test(line)),
      describeTrace(events).join("\n"),
    );
  });
}

test("a registry that takes no deletions says so, and nothing is lost", async () => {
  const { repository, kept, first } = await makeRepository(registries.keeping.host);
  const survey = await surveyRepository(repository);
  const before = states(survey);
  const result = await executePrune(repository, planPrune(survey, { shadowed: true }));
  assert.deepEqual(
    result.steps.map(({ step, outcome }) => `${step.action} ${outcome}`),
    ["update-list done", "delete-index unsupported"],
  );
  assert.equal(result.refusal.code, "ERR_SOCI_DELETE_UNSUPPORTED");
  assert.equal(result.refusal.cause.code, "ERR_REGISTRY_DELETE_UNSUPPORTED");
  assert.equal((await discoverSociIndex({ index: repository }, kept)).descriptor.digest, first);
  assert.equal(before[first], "used");
});

/** What the command prints as JSON. */
async function json(args) {
  const { code, stdout, stderr } = await socikit([...args, "--json"]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

for (const kind of ["tags", "api"]) {
  test(`socikit artifacts list and prune, and ls --trace, with referrers by ${kind}`, async () => {
    const place = `${registries[kind].host}/typed/app`;
    const { repository, old, stale } = await makeRepository(registries[kind].host, "typed/app");
    if (kind === "api") await repository.untag("old");
    await repository.deleteManifest(old.descriptor.digest);
    const subject = ["--subject", old.descriptor.digest];
    const list = async () => (await json(["artifacts", "list", place, ...subject])).artifacts;
    const stateOf = (artifacts) => artifacts.map(({ state }) => state).sort();
    const before = await list();
    assert.deepEqual(stateOf(before), ["orphaned", "shadowed", "used"]);
    assert.equal(before.find(({ state }) => state === "orphaned").digest, stale);

    const prune = ["artifacts", "prune", place, "--shadowed", ...subject];
    const asked = await socikit(prune);
    assert.equal(asked.code, 2);
    assert.match(String(asked.stderr), /there is no terminal to ask at\n.*--dry-run; then delete it: .*--yes/);
    const dry = await socikit([...prune, "--dry-run"]);
    assert.equal(dry.code, 0, dry.stderr);
    assert.match(
      String(dry.stdout),
      new RegExp(`delete the SOCI index ${stale} of ${old.descriptor.digest}: .* \\(.*B\\)`),
    );
    const untouched = await list();
    // Which of the two is used follows the order that a registry lists them in, and the one with the API has none.
    if (kind === "tags") assert.deepEqual(untouched, before);
    const digests = (artifacts) => artifacts.map(({ digest }) => digest).sort();
    assert.deepEqual([digests(untouched), stateOf(untouched)], [digests(before), stateOf(before)]);
    const done = await json([...prune, "--yes"]);
    assert.ok(done.bytes > 0);
    assert.deepEqual(
      done.steps.map(({ action, outcome }) => `${action} ${outcome}`),
      kind === "tags"
        ? ["update-list done", "delete-list done", "delete-index done", "delete-index done"]
        : ["delete-index done", "delete-index done"],
    );
    assert.deepEqual(stateOf(await list()), ["used"]);
    const again = await socikit([...prune, "--yes"]);
    assert.match(String(again.stderr), /^Nothing to prune in /);

    const listed = await socikit(["ls", `${place}:kept`, "--trace"]);
    assert.deepEqual([listed.code, String(listed.stdout)], [0, "kept\n"]);
    const steps = String(listed.stderr).trimEnd().split("\n");
    const answers = {
      tags: [
        /^referrers \(v1\): answered: the registry has no referrers API$/,
        /answered: the tag sha256-[0-9a-f]{64} lists 1,/,
      ],
      api: [/^referrers \(v1\): answered: the referrers API lists 1, 1 of them/],
    };
    const wanted = [/^annotation \(v2\): absent: /, ...answers[kind], /^referrers \(v1\): found: sha256:/];
    assert.equal(steps.length, wanted.length, listed.stderr);
    for (const [i, step] of wanted.entries()) assert.match(steps[i], step);
  });
}

test("socikit artifacts prune of a registry that takes no deletions ends with 4 and says what to do", async () => {
  const place = `${registries.keeping.host}/typed/app`;
  await makeRepository(registries.keeping.host, "typed/app");
  const { code, stdout, stderr } = await socikit(["artifacts", "prune", place, "--shadowed", "--yes"]);
  assert.equal(code, 4, stderr);
  assert.match(String(stdout), /^done: take sha256:.*\nunsupported: delete the SOCI index sha256:.*\n$/);
  assert.match(
    String(stderr),
    /it takes no deletions: .*\n {2}→ this registry takes no deletions this way: allow them/,
  );
});
