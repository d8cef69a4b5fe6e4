// A disk that becomes full, as a small tmpfs is: the command fails with what the host says, nothing that was there is lost, no tag leads to something
// missing, and with more room the same command ends as if nothing had happened.
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, afterEach, test } from "node:test";
import { output } from "./programs.mjs";
import { makeSmallImage } from "./small-image.mjs";
import { socikit } from "./socikit.mjs";
import { layoutFaults } from "./stores.mjs";

const work = mkdtempSync(join(tmpdir(), "socikit-full-"));
const disk = join(work, "disk");
let layout;
/** What the image, converted or not, takes whole. */
const ROOM_MB = 64;

before(async () => {
  layout = await makeSmallImage(work);
  mkdirSync(disk);
});
after(() => rmSync(work, { recursive: true, force: true }));
beforeEach(() => output("mount", ["-t", "tmpfs", "-o", `size=${ROOM_MB}m`, "tmpfs", disk]));
afterEach(() => output("umount", [disk]));

/** Fills the disk but for some bytes. */
function leave(bytes) {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(join(disk, "ballast"), Buffer.alloc(Math.max(0, bavail * bsize - bytes)));
}

const OPTIONS = ["--min-layer-size", "0", "-q"];

/** Bytes that are left: within the first layer, behind it, within zTOCs, and hardly any. */
const ROOMS = [0, 4096, 100_000, 3_000_000, 12_000_000, 12_600_000, 12_650_000];

for (const [name, args, target] of [
  ["create into a layout", (to) => ["create", `oci-layout:${layout}:v1`, `oci-layout:${to}:new`], "layout"],
  ["convert into a layout", (to) => ["convert", `oci-layout:${layout}:v1`, `oci-layout:${to}:new`], "layout"],
  ["convert into an archive", (to) => ["convert", `oci-layout:${layout}:v1`, `oci-archive:${to}:new`], "image.tar"],
  ["convert --standalone over a layout", (to) => ["convert", "--standalone", "--format=oci-dir", layout, to], "layout"],
])
  test(`${name} on a full disk`, async (t) => {
    const to = join(disk, target);
    const before = await socikit([...args(to), ...OPTIONS]);
    assert.equal(before.code, 0, before.stderr);
    const wanted = before.stdout.toString();
    rmSync(to, { recursive: true });
    let failed = 0;
    for (const room of ROOMS) {
      leave(room);
      const full = await socikit([...args(to), ...OPTIONS]);
      if (full.code !== 0) {
        failed++;
        assert.equal(full.code, 1, full.stderr);
        assert.match(full.stderr, /no space left on device|the disk is full/i);
        assert.ok(!/\n\s+at /.test(full.stderr), full.stderr);
      }
      assert.deepEqual(await faultsOf(to), [], `${room} bytes left`);
      if (full.code !== 0) assert.ok(!isNamed(to), `${room} bytes left: the tag is there`);
      rmSync(join(disk, "ballast"));
      const again = await socikit([...args(to), ...OPTIONS]);
      assert.equal(again.code, 0, again.stderr);
      assert.equal(again.stdout.toString(), wanted);
      assert.deepEqual(await faultsOf(to), []);
      rmSync(to, { recursive: true });
      assert.deepEqual(readdirSync(disk), [], "something is left beside the place");
    }
    t.diagnostic(`${name}: ${failed} of ${ROOMS.length} failed for want of room`);
    assert.ok(failed >= 4);
  });

test("what was there stays whole: another image in the layout, the archive's old content", async () => {
  const kept = join(disk, "layout");
  const archive = join(disk, "image.tar");
  for (const place of [`oci-layout:${kept}:old`, `oci-archive:${archive}:old`]) {
    const made = await socikit(["convert", `oci-layout:${layout}:v1`, place, "--span-size", "65536", ...OPTIONS]);
    assert.equal(made.code, 0, made.stderr);
  }
  const index = readFileSync(join(kept, "index.json"));
  const old = readFileSync(archive);
  for (const room of [0, 4096, 20_000]) {
    leave(room);
    for (const args of [
      ["create", `oci-layout:${kept}:old`, ...OPTIONS],
      ["convert", `oci-layout:${layout}:v1`, `oci-layout:${kept}:old`, "--span-size", "131072", ...OPTIONS],
      ["convert", `oci-layout:${layout}:v1`, `oci-archive:${archive}:new`, ...OPTIONS],
    ]) {
      const full = await socikit(args);
      assert.equal(full.code, 1, `${args.join(" ")}: ${full.stdout}${full.stderr}`);
      assert.deepEqual(layoutFaults(kept), []);
      assert.ok(readFileSync(archive).equals(old));
    }
    assert.ok(readFileSync(join(kept, "index.json")).equals(index));
    rmSync(join(disk, "ballast"));
  }
});

async function faultsOf(path) {
  if (!existsSync(path)) return [];
  if (!path.endsWith(".tar")) return layoutFaults(path);
  const unpacked = mkdtempSync(join(work, "unpacked-"));
  await output("tar", ["-xf", path, "-C", unpacked]);
  const faults = layoutFaults(unpacked);
  rmSync(unpacked, { recursive: true });
  return faults;
}

/** Whether the image is there under its name. */
function isNamed(path) {
  if (path.endsWith(".tar")) return existsSync(path);
  if (!existsSync(join(path, "index.json"))) return false;
  const { manifests } = JSON.parse(readFileSync(join(path, "index.json"), "utf8"));
  return manifests.some(({ annotations }) => annotations?.["org.opencontainers.image.ref.name"] === "new");
}
