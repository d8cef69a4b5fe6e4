/**
 * Converts random OCI layouts with socikit and with the reference's `convert --standalone`, and compares: the same image, and the same lines;
 * where the reference fails, socikit fails too, or the reference's fault is one of those below.
 *
 *   npm run differential:convert -- [--layouts N] [--seed S]
 *
 * Layouts that differ are saved in differential/failures. Needs `npm run build`, and the reference's command: `soci` on the PATH, or $SOCI.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bytesSource, decodeManifest, digestOf, isImageIndex, isIndexType, isManifestType } from "@socikit/oci";
import {
  convertImage,
  describeOutcome,
  describePrefetch,
  parsePrefetchFiles,
  parseRequestedPlatform,
  standaloneRoot,
} from "@socikit/soci-index/build";
import { randomArguments, randomLayout } from "./layouts.mjs";
import { Random } from "./random.mjs";
import { programOptions } from "../scripts/program-options.mjs";

const { values } = programOptions(import.meta.url, {
  options: { layouts: { type: "string", default: "1000" }, seed: { type: "string", default: "1" } },
});
const layouts = Number(values.layouts);
const seed = Number(values.seed);
const soci = process.env.SOCI ?? "soci";
const failures = fileURLToPath(new URL("failures", import.meta.url));
const HOST = { os: "linux", architecture: "amd64" };

/** Where the reference fails by a fault of its own, and socikit does not. */
const FAULTS = [
  ["a child without a platform before the one that is looked for", /^manifest should have proper platform$/],
  [
    "an artifact where there is an image too",
    /^errors encountered while building soci layers; .*not a layer mediaType/,
  ],
  [
    "an index in the index that has the platform further down",
    /^no match for platform in manifest sha256:[0-9a-f]{64}: not found$/,
  ],
  ["the SOCI index of a platform that gets none", /^couldn't retrieve artifact for sha256:[0-9a-f]{64}, not found$/],
  [
    "what is neither manifest nor index, of the platform that is looked for",
    /^unexpected media type \S+ for sha256:[0-9a-f]{64}: not found$/,
  ],
  [
    "an index in the index of which another part is not there",
    /^blob sha256:[0-9a-f]{64} expected at .*: blob not found: not found$/,
  ],
  [
    "a platform is asked for, and the layout says of the index that it is of none",
    /^image does not support any platforms$/,
    ({ args }) => args.includes("--platform"),
  ],
  [
    "nobody asks for a platform, and the only one that there is is not the host's",
    /^image manifest for linux\/amd64: not found$/,
    ({ args }) => !args.includes("--platform") && !args.includes("--all-platforms"),
  ],
];
/** Where socikit fails and the reference does not. */
const STRICTER = [["a manifest or layer that is not there", /^Cannot (?:find|open)/]];

const directory = mkdtempSync(join(tmpdir(), "socikit-differential-"));
const random = new Random(seed);
const counts = { same: 0, "both fail": 0, different: 0 };
const kinds = new Map();
let again = 0;
try {
  execFileSync(soci, ["--version"], { stdio: "ignore" });
  for (let i = 0; i < layouts; i++) {
    const layout = randomLayout(random);
    const isSame = await check(layout, `seed-${seed}-layout-${i}`);
    // What was converted is converted again, for the same platforms or others.
    if (!isSame || !random.chance(0.4)) continue;
    again++;
    await check(
      { ...written(), platforms: layout.platforms, args: randomArguments(random, layout.platforms) },
      `seed-${seed}-layout-${i}-again`,
    );
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
for (const [kind, count] of [...kinds].sort((a, b) => b[1] - a[1]))
  console.log(`  ${String(count).padStart(5)} ${kind}`);
console.log(
  `seed ${seed}: ${Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ")}`,
);
console.log(`${layouts + again - counts.different} passed, ${counts.different} failed`);
if (counts.different > 0) process.exitCode = 1;

async function check(layout, name) {
  const theirs = runReference(layout);
  const ours = await run(layout);
  const difference = compare(ours, theirs, layout);
  if (difference === undefined) return ours.digest !== undefined && ours.digest === theirs.digest;
  counts.different++;
  const saved = join(failures, name);
  rmSync(saved, { recursive: true, force: true });
  mkdirSync(failures, { recursive: true });
  cpSync(join(directory, "in"), saved, { recursive: true });
  console.log(`-- ${name} failed: ${difference}\n   ${JSON.stringify(layout.args)}\n   saved in ${saved}`);
  return false;
}

/** The layout that the reference has just written. */
function written() {
  const output = join(directory, "out");
  const blobs = new Map(
    readdirSync(join(output, "blobs", "sha256")).map((hex) => [
      `sha256:${hex}`,
      readFileSync(join(output, "blobs", "sha256", hex)),
    ]),
  );
  return { blobs, index: readFileSync(join(output, "index.json"), "utf8") };
}

function compare(ours, theirs, layout) {
  if (theirs.error !== undefined && ours.error !== undefined) {
    counts["both fail"]++;
    count(`both fail: ${theirs.error.replaceAll(/sha256:[0-9a-f]+/g, "…").slice(0, 90)}`);
    return undefined;
  }
  if (theirs.error !== undefined) {
    const fault = FAULTS.find(([, said, applies]) => said.test(theirs.error) && applies?.(layout) !== false)?.[0];
    if (fault === undefined) return `the reference fails with "${theirs.error}", socikit does not`;
    count(`only the reference fails: ${fault}`);
    return undefined;
  }
  if (ours.error !== undefined) {
    const reason = STRICTER.find(([, said]) => said.test(ours.error))?.[0];
    if (reason === undefined) return `socikit fails with "${ours.error}", the reference does not`;
    count(`only socikit fails: ${reason}`);
    return undefined;
  }
  if (ours.digest !== theirs.digest) {
    if (ours.isMended) {
      count("socikit indexes another manifest of an index in the index");
      return undefined;
    }
    return `the image is ${ours.digest}, not ${theirs.digest}`;
  }
  if (ours.lines.join("\n") !== theirs.lines.join("\n")) {
    // Of a layer that a manifest has twice, the reference builds both at once, or finds the one built when it comes to the other.
    const built = (lines) => linesOf(lines.map((line) => line.replace(" (already exists)", ""))).join("\n");
    if (built(ours.lines) === built(theirs.lines) && layoutHasTwins(layout)) {
      count("a layer twice in a manifest, found by the reference the second time");
      return undefined;
    }
    return `the lines are\n${ours.lines.join("\n")}\nnot\n${theirs.lines.join("\n")}`;
  }
  counts.same++;
  return undefined;
}

function layoutHasTwins({ blobs }) {
  return [...blobs.values()].some((bytes) => {
    if (bytes[0] !== 0x7b) return false;
    const layers = (JSON.parse(bytes.toString()).layers ?? []).map(({ digest }) => digest);
    return new Set(layers).size < layers.length;
  });
}

function count(kind) {
  kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
}

function runReference({ blobs, index, args }) {
  const [input, output] = [join(directory, "in"), join(directory, "out")];
  for (const path of [input, output]) rmSync(path, { recursive: true, force: true });
  mkdirSync(join(input, "blobs", "sha256"), { recursive: true });
  writeFileSync(join(input, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(input, "index.json"), index);
  for (const [digest, bytes] of blobs) writeFileSync(join(input, "blobs", "sha256", digest.slice(7)), bytes);
  const { stdout, stderr, status } = spawnSync(
    soci,
    ["convert", "--standalone", "--format", "oci-dir", ...args, input, output],
    {
      encoding: "utf8",
      env: { ...process.env, TZ: "UTC" },
    },
  );
  if (status !== 0) return { error: (/^soci: (.*)$/m.exec(stderr)?.[1] ?? stderr).trim() };
  const { manifests } = JSON.parse(readFileSync(join(output, "index.json"), "utf8"));
  return { digest: manifests[0].digest, lines: linesOf(stdout.split("\n")) };
}

function linesOf(lines) {
  return [...new Set(lines.filter((line) => line !== ""))].sort();
}

async function run({ blobs, index, args }) {
  try {
    const image = contentOf(blobs);
    const root = await standaloneRoot(image, { index: new TextEncoder().encode(index) });
    const all = (name) => args.flatMap((arg, i) => (args[i - 1] === name ? [arg] : []));
    const number = (name) => (all(name).length === 0 ? {} : { value: Number(all(name)[0]) });
    const platforms = all("--platform").map((text) => parseRequestedPlatform(text, HOST));
    const skipped = [];
    const result = await convertImage({ image, target: emptyTarget() }, root, {
      hostPlatform: HOST,
      onEvent: (event) => event.type === "layer-skipped" && skipped.push(event.reason.message),
      spanSize: number("--span-size").value,
      minLayerSize: number("--min-layer-size").value,
      ...(args.includes("--all-platforms") ? { platforms: "all" } : platforms.length > 0 ? { platforms } : {}),
      prefetch: { paths: parsePrefetchFiles(all("--prefetch-file")), rule: "reference" },
      ...(args.includes("--optimizations") ? { optimizations: ["xattr"] } : {}),
    });
    // The reference puts the SOCI index of one manifest on the first below an index in the index, whatever it is.
    const isMended = result.decisions.some(
      ({ code, digest, lost }) => code === "nested-index-flattened" && lost.includes(firstBelow(digest, blobs)),
    );
    return {
      digest: result.image.digest,
      isMended,
      lines: linesOf([
        ...skipped,
        ...result.platforms.flatMap(({ layers, prefetch }) => [
          ...layers.map(describeOutcome),
          ...prefetch.artifacts.map(describePrefetch),
        ]),
      ]),
    };
  } catch (error) {
    if (error.code === undefined) throw error;
    return { error: error.message, code: error.code };
  }
}

/** The first manifest below an index, depth first. */
function firstBelow(digest, blobs) {
  const { manifests } = JSON.parse(blobs.get(digest).toString());
  for (const child of manifests) {
    if (isManifestType(child.mediaType)) return child.digest;
    if (!isIndexType(child.mediaType)) continue;
    const found = firstBelow(child.digest, blobs);
    if (found !== undefined) return found;
  }
  return undefined;
}

function notThere(what) {
  return Object.assign(new Error(`Cannot find ${what}`), { code: "ERR_NOT_THERE", notFound: true });
}

/** The layout's blobs through the reading ports. */
function contentOf(blobs) {
  const bytesOf = ({ digest }) => {
    const bytes = blobs.get(digest);
    if (bytes === undefined) throw notThere(digest);
    return new Uint8Array(bytes);
  };
  return {
    async resolve(name) {
      throw notThere(name);
    },
    async fetchManifest(descriptor) {
      return { descriptor, bytes: bytesOf(descriptor) };
    },
    async stat(digest) {
      const bytes = blobs.get(digest);
      return bytes && { size: bytes.length };
    },
    async open(blob) {
      return bytesSource(bytesOf(blob));
    },
    async stream(blob) {
      return new Blob([bytesOf(blob)]).stream();
    },
  };
}

/** A target that holds writers to their word: manifests may only name what is there. */
function emptyTarget() {
  const blobs = new Map();
  const manifests = new Map();
  return {
    async stat(digest) {
      return blobs.has(digest) ? { size: blobs.get(digest) } : undefined;
    },
    async begin() {
      const parts = [];
      return {
        id: "",
        offset: 0,
        async write(bytes) {
          parts.push(bytes.slice());
        },
        async commit(digest) {
          const bytes = Buffer.concat(parts);
          if (digestOf(bytes) !== digest) throw new Error(`The bytes are not ${digest}`);
          blobs.set(digest, bytes.length);
          return { mediaType: "", digest, size: bytes.length };
        },
        async suspend() {},
        async abort() {},
      };
    },
    async resume() {
      throw new Error("There is nothing to resume");
    },
    async pushManifest(bytes, mediaType) {
      const digest = digestOf(bytes);
      if (isManifestType(mediaType) || isIndexType(mediaType)) {
        const manifest = decodeManifest(bytes);
        const held = isImageIndex(manifest) ? manifests : blobs;
        for (const named of isImageIndex(manifest) ? manifest.manifests : [manifest.config, ...manifest.layers])
          if (held.get(named.digest) !== named.size)
            throw new Error(`${digest} names ${named.digest}, which is not there`);
      }
      manifests.set(digest, bytes.length);
      return { mediaType, digest, size: bytes.length };
    },
    async tag() {},
  };
}
