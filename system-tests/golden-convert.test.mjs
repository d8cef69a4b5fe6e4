// The 106 runs of the reference's `convert --standalone` in the golden data, by the command lines that were typed: the archive is the same byte for
// byte, the directory holds the same, and lines and exit codes are as they should be.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { main, nodeIo } from "@socikit/cli";

const testdata = fileURLToPath(new URL("../testdata/", import.meta.url));
const runs = JSON.parse(readFileSync(join(testdata, "images.json"), "utf8")).convert;
const layouts = JSON.parse(readFileSync(join(testdata, "images/layouts.json"), "utf8"));
const work = mkdtempSync(join(tmpdir(), "socikit-golden-"));
after(() => rmSync(work, { recursive: true, force: true }));

/** Runs that fail by a fault of the reference's own, and work here; what they make is looked at in packages/soci-index. */
const DEFECTS = new Set([38, 39, 86, 101, 103]);
/** Our exit codes for what the reference says when it fails. */
const EXITS = [
  [/^index\.json contains no manifests$/, [3]],
  [/^image does not support any platforms$/, [3, 5]],
  [/^image manifest for [a-z0-9/]+: not found$/, [3]],
  [/^could not parse platform bogus: /, [2]],
  [/^no ztocs created, all layers either skipped or produced errors$/, [6]],
  [/^errors encountered while building soci layers; could not generate gzip zinfo\. /, [5]],
  [/^\(the reference crashes: integer divide by zero\)$/, [2]],
];

const host = nodeIo(new AbortController().signal);

async function socikit(args) {
  const texts = { stdout: "", stderr: "" };
  const stream = (name) => ({
    isTTY: false,
    columns: 80,
    rows: 24,
    async write(chunk) {
      texts[name] += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
    },
  });
  const io = { ...host, stdout: stream("stdout"), stderr: stream("stderr"), env: {} };
  // The platform of the machine that the reference ran on.
  const code = await main(args, { ...io, architecture: "amd64" });
  return { code, ...texts };
}

/** Writes a golden image: testdata has each blob once. */
function writeLayout(name, directory) {
  const { ociLayout, index, blobs } = layouts[name];
  mkdirSync(join(directory, "blobs/sha256"), { recursive: true });
  writeFileSync(join(directory, "oci-layout"), ociLayout);
  writeFileSync(join(directory, "index.json"), index);
  for (const digest of blobs) {
    const path = `blobs/${digest.replace(":", "/")}`;
    copyFileSync(join(testdata, "images", path), join(directory, path));
  }
}

/** The layout that a run reads: an image, or what another run wrote. */
async function inputOf(run, i) {
  const before = /^output of case (\d+)$/.exec(run.input ?? "")?.[1];
  const directory = join(work, `in-${i}`);
  if (before === undefined) writeLayout(run.image, directory);
  else await standalone(runs[before], before, "oci-dir", directory);
  return directory;
}

async function standalone(run, i, format, to) {
  const args = run.args.map((arg, at) => (run.args[at - 1] === "--prefetch-files-json" ? join(testdata, arg) : arg));
  return socikit(["convert", "--standalone", "--format", format, ...args, await inputOf(run, i), to]);
}

for (const [i, run] of runs.entries())
  test(`${i}: ${run.image} ${run.args.join(" ")} ${run.input ?? ""}`, async () => {
    const archive = join(work, `out-${i}.tar`);
    const made = await standalone(run, i, "oci-archive", archive);
    const lines = made.stdout.split("\n");
    if (run.exit !== 0 && !DEFECTS.has(i)) {
      const exits = EXITS.find(([said]) => said.test(run.error ?? ""))?.[1];
      assert.ok(exits?.includes(made.code), `${run.error}: ended with ${made.code}: ${made.stderr}`);
      assert.ok(!existsSync(archive));
      if (made.code === 6)
        for (const line of run.messages) assert.ok(lines.includes(line), `${line} is not in ${made.stdout}`);
      return;
    }
    assert.equal(made.code, 0, made.stderr);
    if (run.exit !== 0) return;
    for (const line of run.messages) assert.ok(lines.includes(line), `${line} is not in ${made.stdout}`);
    assert.ok(lines.some((line) => line.endsWith(` -> ${run.index.digest}`)));
    const bytes = readFileSync(archive);
    assert.equal(bytes.length, run.archive.size);
    assert.equal(createHash("sha256").update(bytes).digest("hex"), run.archive.sha256);
    // Into the place of its own input, which is as good as any.
    const directory = join(work, `in-${i}`);
    const names = new Set(readdirSync(join(directory, "blobs/sha256")));
    const place = join(work, `place-${i}`);
    cpSync(directory, place, { recursive: true });
    const again = await socikit([
      "convert",
      "--standalone",
      "--format=oci-dir",
      ...run.args.map((arg, at) => (run.args[at - 1] === "--prefetch-files-json" ? join(testdata, arg) : arg)),
      place,
      place,
      "-q",
    ]);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(JSON.parse(readFileSync(join(place, "index.json"), "utf8")).manifests, [run.index]);
    const wanted = [...names, ...Object.keys(run.newBlobs).map((digest) => digest.slice(7))];
    assert.deepEqual(readdirSync(join(place, "blobs/sha256")).toSorted(), [...new Set(wanted)].toSorted());
  });

test("a directory without its oci-layout file is converted to the same, as the reference converts it", async () => {
  const run = runs[0];
  const directory = join(work, "unmarked");
  writeLayout(run.image, directory);
  rmSync(join(directory, "oci-layout"));
  const archive = join(work, "unmarked.tar");
  const made = await socikit(["convert", "--standalone", ...run.args, directory, archive]);
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stderr, /has no oci-layout file: it is taken for a layout of version 1\.0\.0/);
  assert.equal(createHash("sha256").update(readFileSync(archive)).digest("hex"), run.archive.sha256);
});

test("there were 106 of them", () => assert.equal(runs.length, 106));
