// kill -9 at random moments of create and convert: whatever is left behind, no tag and no entry leads to something missing, no blob is half-written
// under its name, and the same command run again ends as if nothing had happened. Prints its seed; SOCIKIT_SEED repeats the moments.
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { output } from "./programs.mjs";
import { manifestOf, startDockerRegistry, startReferrersRegistry } from "./registries.mjs";
import { makeSmallImage } from "./small-image.mjs";
import { socikit } from "./socikit.mjs";
import { layoutFaults, repositoryFaults } from "./stores.mjs";

const seed = Number(process.env.SOCIKIT_SEED ?? Math.floor(Math.random() * 2 ** 31));
const KILLS = Number(process.env.SOCIKIT_KILLS ?? 25);
const work = mkdtempSync(join(tmpdir(), "socikit-kill-"));
let docker;
let referrers;
let layout;

before(async () => {
  docker = await startDockerRegistry(join(work, "docker"));
  referrers = await startReferrersRegistry(join(work, "referrers"));
  layout = await makeSmallImage(work);
  for (const { host } of [docker, referrers])
    await output("skopeo", ["copy", "--dest-tls-verify=false", `oci:${layout}:v1`, `docker://${host}/app:v1`]);
});
after(async () => {
  await docker?.stop();
  await referrers?.stop();
  rmSync(work, { recursive: true, force: true });
});

/** Numbers in [0, 1), the same for the same seed. */
function randomNumbers(from) {
  let state = from >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

/**
 * What is killed: `place(i)` says where the ith run writes: `{ args, faults(): what is wrong there, state(): what is there, in words }`. Two runs that
 * ended have the same state.
 */
const CASES = {
  "create, registry to registry": (i) => registryCase("create", i),
  "convert, registry to registry": (i) => registryCase("convert", i),
  "create, layout to layout": (i) => layoutCase("create", i),
  "convert, layout to layout": (i) => layoutCase("convert", i),
  "convert, into an archive": (i) => fileCase(i),
  "convert --standalone, over a layout that is there": (i) => directoryCase(i),
};

function registryCase(command, i) {
  // Uploads both ways, and mounts where both are one.
  const [from, to] = [
    [docker, referrers],
    [referrers, docker],
    [docker, docker],
  ][i % 3];
  const repository = `${command}/${i}`;
  return {
    args: [command, `${from.host}/app:v1`, `${to.host}/${repository}:new`],
    faults: () => repositoryFaults(to.url, repository),
    async state() {
      const found = await manifestOf(to.url, repository, "new");
      return found?.digest;
    },
  };
}

function layoutCase(command, i) {
  const target = join(work, `${command}-${i}`);
  return {
    args: [command, `oci-layout:${layout}:v1`, `oci-layout:${target}:new`],
    faults: async () => layoutFaults(target),
    async state() {
      if (!existsSync(join(target, "index.json"))) return undefined;
      const { manifests } = JSON.parse(readFileSync(join(target, "index.json"), "utf8"));
      const named = manifests.find(({ annotations }) => annotations?.["org.opencontainers.image.ref.name"] === "new");
      if (named === undefined) return undefined;
      const blobs = readdirSync(join(target, "blobs/sha256")).toSorted();
      return JSON.stringify([manifests.toSorted((a, b) => (a.digest < b.digest ? -1 : 1)), blobs]);
    },
    clean: () => rmSync(target, { recursive: true }),
  };
}

/** An archive is the old one or the new one. */
function fileCase(i) {
  const target = join(work, `image-${i}.tar`);
  return {
    args: ["convert", `oci-layout:${layout}:v1`, `oci-archive:${target}:new`],
    faults: async () => {
      if (!existsSync(target)) return [];
      const unpacked = mkdtempSync(join(work, "unpacked-"));
      await output("tar", ["-xf", target, "-C", unpacked]);
      const faults = layoutFaults(unpacked);
      rmSync(unpacked, { recursive: true });
      return faults;
    },
    state: async () => (existsSync(target) ? (await output("sha256sum", [target])).slice(0, 64) : undefined),
    clean: () => rmSync(target),
  };
}

/** A directory is replaced: the old image is there, or the new one; between two renames it is beside its place, and comes back. */
function directoryCase(i) {
  const target = join(work, `over-${i}`);
  cpSync(layout, target, { recursive: true });
  return {
    args: ["convert", "--standalone", "--format", "oci-dir", layout, target],
    faults: async () => {
      const beside = readdirSync(work).find((name) => name.startsWith(`.over-${i}.before-`));
      if (!existsSync(target) && beside === undefined) return ["neither the old layout nor the new one is there"];
      return layoutFaults(existsSync(target) ? target : join(work, beside));
    },
    async state() {
      if (!existsSync(target)) return undefined;
      const { manifests } = JSON.parse(readFileSync(join(target, "index.json"), "utf8"));
      // The old one's has a name.
      if (manifests[0].annotations !== undefined) return undefined;
      return JSON.stringify([manifests, readdirSync(join(target, "blobs/sha256")).toSorted()]);
    },
    clean: () => rmSync(target, { recursive: true }),
  };
}

const OPTIONS = ["--min-layer-size", "0", "-q"];

/** Runs the command to its end. @returns when it first wrote anything, and when it ended, in ms from its start */
async function wholeRun({ args }) {
  let begun;
  const began = performance.now();
  const { code, stderr, milliseconds } = await socikit([...args, ...OPTIONS.slice(0, 2)], {
    onStart: (child) => child.stderr.once("data", () => (begun = performance.now() - began)),
  });
  assert.equal(code, 0, stderr);
  return { begun: begun ?? milliseconds, ended: milliseconds };
}

for (const [name, caseOf] of Object.entries(CASES))
  test(name, async (t) => {
    const random = randomNumbers(seed + name.length);
    const kills = name.includes(" to ") ? KILLS : Math.ceil(KILLS / 2);
    // The state that a run leads to that nobody disturbs; i % 3 is the same everywhere it matters.
    const undisturbed = [0, 1, 2].map((i) => caseOf(1_000_000 + i - ((1_000_000 + i) % 3) + i));
    const spans = [];
    for (const one of undisturbed) spans.push(await wholeRun(one));
    const wanted = await undisturbed[0].state();
    assert.ok(wanted !== undefined);
    for (const one of undisturbed) assert.equal(await one.state(), wanted);
    const begun = Math.min(...spans.map((span) => span.begun));
    const ended = Math.max(...spans.map((span) => span.ended));

    const counts = { killed: 0, partial: 0, done: 0 };
    const attempt = async (i) => {
      const one = caseOf(i);
      // Most of them fall into the work, not into the start of Node.
      const moment = random() < 0.1 ? random() * begun : begun * 0.9 + random() * (ended - begun * 0.9);
      const result = await socikit([...one.args, ...OPTIONS], {
        onStart: (child) => setTimeout(() => child.kill("SIGKILL"), moment),
      });
      const where = `seed ${seed}, run ${i}, killed after ${moment.toFixed(0)} ms`;
      if (result.code === "SIGKILL") counts.killed++;
      else assert.equal(result.code, 0, `${where}: ${result.stderr}`);
      assert.deepEqual(await one.faults(), [], where);
      const state = await one.state();
      if (state === undefined) counts.partial++;
      else counts.done++;
      // Named means whole, index included; what else lies about may differ.
      const again = await socikit([...one.args, ...OPTIONS]);
      assert.equal(again.code, 0, `${where}, then: ${again.stderr}`);
      assert.deepEqual(await one.faults(), [], where);
      assert.equal(await one.state(), wanted, where);
      one.clean?.();
    };
    // Two at a time: there are two processors.
    let next = 0;
    const worker = async () => {
      while (next < kills) await attempt(next++);
    };
    await Promise.all([worker(), worker()]);
    t.diagnostic(
      `${name}: ${counts.killed} of ${kills} killed, ${counts.partial} before the end was seen, seed ${seed}`,
    );
    assert.ok(counts.killed >= kills / 2, "most runs ended before they were killed");
  });
