import { execFileSync } from "node:child_process";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyImage, hexOf, type Descriptor } from "@socikit/oci";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { collect, noise, pushBlob, pushImage } from "../testing/store-cases.ts";
import { openLayoutArchive, type LayoutArchive } from "./layout-archive.ts";
import { openLayoutDirectory, type LayoutDirectory } from "./layout-directory.ts";
import { stageLayoutArchive, stageLayoutDirectory } from "./staged-layout.ts";

let root = "";
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "socikit-staged-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** A folder of its own, so that what is left behind shows. */
async function folder(): Promise<string> {
  const made = join(root, `case-${++count}`);
  await mkdir(made);
  return made;
}

async function layoutOf(...seeds: readonly number[]): Promise<{ layout: LayoutDirectory; images: Descriptor[] }> {
  const layout = await openLayoutDirectory(join(await folder(), "layout"), { create: true, sync: false });
  const images: Descriptor[] = [];
  for (const seed of seeds) {
    images.push(await pushImage(layout, seed));
    await layout.tag(`v${seed}`, images.at(-1)!);
  }
  return { layout, images };
}

async function opened<T>(file: string, use: (archive: LayoutArchive) => Promise<T>): Promise<T> {
  const archive = await openLayoutArchive(file);
  try {
    return await use(archive);
  } finally {
    await archive.close();
  }
}

describe("stageLayoutArchive()", () => {
  test("shows nothing before it is finished, and leaves the archive alone after it", async () => {
    const directory = await folder();
    const file = join(directory, "image.tar");
    const { layout, images } = await layoutOf(1, 2);
    const staged = await stageLayoutArchive(file);
    await copyImage(layout, staged, "v1", { tag: "copy" });
    const referrer = await pushImage(staged, 3, {
      subject: images[0]!,
      artifactType: "application/x.test",
    });
    expect((await collect(staged.referrers(images[0]!.digest))).map(({ digest }) => digest)).toEqual([referrer.digest]);
    expect(await readdir(directory)).toHaveLength(1);
    await staged.finish();
    expect(await readdir(directory)).toEqual(["image.tar"]);
    await opened(file, async (archive) => {
      expect(await archive.resolve("copy")).toEqual(images[0]);
      expect((await collect(archive.referrers(images[0]!.digest))).map(({ digest }) => digest)).toEqual([
        referrer.digest,
      ]);
      const again = await openLayoutDirectory(join(directory, "again"), { create: true, sync: false });
      expect(await copyImage(archive, again, "copy")).toEqual(images[0]);
    });
  });

  test("takes content from its base, and writes none of it twice", async () => {
    const directory = await folder();
    const { layout, images } = await layoutOf(1);
    const staged = await stageLayoutArchive(join(directory, "image.tar"), { base: layout });
    const skipped: string[] = [];
    await copyImage(layout, staged, "v1", {
      tag: "v1",
      onEvent: (event) => event.type === "blob-skipped" && skipped.push(event.reason),
    });
    expect(skipped).toEqual(["present", "present"]);
    await staged.finish();
    await opened(join(directory, "image.tar"), async (archive) => {
      expect(await archive.entries()).toMatchObject([{ digest: images[0]!.digest }]);
    });
  });

  test("adds to an archive: what it held stays under its names, and new names win", async () => {
    const directory = await folder();
    const file = join(directory, "image.tar");
    const { layout, images } = await layoutOf(1, 2);
    const first = await stageLayoutArchive(file, { base: layout });
    for (const tag of ["v1", "v2"]) await copyImage(layout, first, tag, { tag });
    await first.finish();
    await opened(file, async (archive) => {
      const staged = await stageLayoutArchive(file, { base: archive, keep: await archive.entries() });
      const referrer = await pushImage(staged, 3, {
        subject: images[0]!,
        artifactType: "application/x.test",
      });
      await staged.tag("v2", images[0]!);
      await staged.tag("new", images[0]!);
      await staged.finish();
      await opened(file, async (after) => {
        expect(await collect(after.tags())).toEqual(["new", "v1", "v2"]);
        for (const tag of ["v1", "v2", "new"]) expect(await after.resolve(tag)).toEqual(images[0]);
        expect(await collect(after.referrers(images[0]!.digest))).toMatchObject([{ digest: referrer.digest }]);
        // Nothing leads to it any more.
        expect(await after.stat(images[1]!.digest)).toBeUndefined();
      });
    });
  });

  test("lists the entries that it is told to, and discards what is not finished", async () => {
    const directory = await folder();
    const { layout, images } = await layoutOf(1, 2);
    const staged = await stageLayoutArchive(join(directory, "image.tar"), { base: layout });
    await staged.finish(images);
    await opened(join(directory, "image.tar"), async (archive) => expect(await archive.entries()).toEqual(images));
    const other = await stageLayoutArchive(join(directory, "other.tar"));
    await pushImage(other, 5);
    await other.discard();
    expect(await readdir(directory)).toEqual(["image.tar"]);
  });

  test("removes what another process left a day ago", async () => {
    const directory = await folder();
    const names = [".image.tar.socikit-old", ".image.tar.socikit-new", ".other.tar.socikit-old"];
    for (const name of names) await mkdir(join(directory, name, "blobs"), { recursive: true });
    for (const name of names.filter((each) => each.endsWith("old")))
      await utimes(join(directory, name), new Date(0), new Date(0));
    await (await stageLayoutArchive(join(directory, "image.tar"))).discard();
    expect((await readdir(directory)).sort()).toEqual([".image.tar.socikit-new", ".other.tar.socikit-old"]);
  });
});

describe("stageLayoutDirectory()", () => {
  test("makes the base with all its files and what was pushed, in the reference's modes, and lists one entry", async () => {
    const { layout } = await layoutOf(1, 2);
    const from = layout.directory;
    await writeFile(join(from, "oci-layout"), '{"imageLayoutVersion": "1.0.0"}\n');
    await writeFile(join(from, "script"), "x", { mode: 0o755 });
    await mkdir(join(from, "extra", "empty"), { recursive: true });
    const private_ = join(from, "extra", "private");
    await writeFile(private_, "x");
    await chmod(private_, 0o400);
    await chmod(join(from, "index.json"), 0o640);
    const outside = join(await folder(), "outside");
    await writeFile(outside, "far");
    for (const [name, target] of [
      ["near", "../script"],
      ["far", outside],
      ["nowhere", "missing"],
    ] as const)
      await symlink(target, join(from, "extra", name));
    const directory = await folder();
    const target = join(directory, "new", "layout");
    const staged = await stageLayoutDirectory(target, layout);
    const blob = await pushBlob(staged, noise(1000, 9), "application/x.test");
    const old = process.umask(0o022);
    process.umask(old);
    await staged.finish([blob]);
    expect(await readdir(join(directory, "new"))).toEqual(["layout"]);
    expect((await readdir(target)).sort()).toEqual(["blobs", "extra", "index.json", "ingest", "oci-layout", "script"]);
    expect(await readFile(join(target, "index.json"), "utf8")).toBe(
      `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/x.test","digest":"${blob.digest}","size":1000}]}`,
    );
    expect(await readFile(join(target, "oci-layout"), "utf8")).toBe('{"imageLayoutVersion": "1.0.0"}\n');
    const blobs = await readdir(join(from, "blobs", "sha256"));
    expect((await readdir(join(target, "blobs", "sha256"))).sort()).toEqual([...blobs, hexOf(blob.digest)].sort());
    const modes = async (...names: readonly string[]): Promise<readonly number[]> =>
      Promise.all(names.map(async (name) => (await stat(join(target, name))).mode & 0o777));
    expect(await modes("script", "extra/private", "index.json", `blobs/sha256/${hexOf(blob.digest)}`)).toEqual(
      [0o777, 0o666, 0o666, 0o666].map((mode) => mode & ~old),
    );
    expect(await modes(".", "extra", "extra/empty", "ingest", "blobs")).toEqual(
      [0o755, 0o777, 0o777, 0o777, 0o777].map((mode) => mode & ~old),
    );
    expect(await readlink(join(target, "extra", "near"))).toBe("../script");
    expect(await readlink(join(target, "extra", "nowhere"))).toBe("missing");
    expect((await lstat(join(target, "extra", "far"))).isFile()).toBe(true);
    expect(await readFile(join(target, "extra", "far"), "utf8")).toBe("far");
  });

  test("takes an archive as its base, other files and links among them", async () => {
    const { layout, images } = await layoutOf(1);
    await mkdir(join(layout.directory, "extra"));
    await writeFile(join(layout.directory, "extra", "script"), "x", { mode: 0o755 });
    await symlink("script", join(layout.directory, "extra", "link"));
    const directory = await folder();
    execFileSync("tar", ["-cf", join(directory, "in.tar"), "-C", layout.directory, "."]);
    await opened(join(directory, "in.tar"), async (archive) => {
      const staged = await stageLayoutDirectory(join(directory, "out"), archive);
      await staged.tag("v9", images[0]!);
      await staged.finish();
    });
    expect((await readdir(directory)).sort()).toEqual(["in.tar", "out"]);
    expect(await readFile(join(directory, "out", "extra", "link"), "utf8")).toBe("x");
    expect((await stat(join(directory, "out", "extra", "script"))).mode & 0o100).toBe(0o100);
    const out = await openLayoutDirectory(join(directory, "out"));
    expect(await collect(out.tags())).toEqual(["v9"]);
    expect(await copyImage(out, await openLayoutDirectory(join(directory, "copy"), { create: true }), "v9")).toEqual(
      images[0],
    );
  });

  test("takes the place of its own base, of a layout inside it, and of a link's target", async () => {
    for (const place of [".", "below/out", "../link"]) {
      const { layout, images } = await layoutOf(1, 2);
      await symlink(layout.directory, join(layout.directory, "..", "link"));
      const staged = await stageLayoutDirectory(join(layout.directory, place), layout);
      await staged.finish([images[1]!]);
      const out = await openLayoutDirectory(join(layout.directory, place));
      expect(await out.entries()).toEqual([images[1]]);
      expect((await lstat(join(layout.directory, "..", "link"))).isSymbolicLink()).toBe(true);
      const names = await readdir(layout.directory, { recursive: true });
      expect(names.filter((name) => name.includes("socikit"))).toEqual([]);
    }
  });

  test("leaves what it may not replace: other things, a file, a layout whose successor fails", async () => {
    const { layout } = await layoutOf(1);
    const directory = await folder();
    await mkdir(join(directory, "home"));
    await writeFile(join(directory, "home", "letter"), "Dear");
    const home = await stageLayoutDirectory(join(directory, "home"), layout);
    await expect(home.finish([])).rejects.toMatchObject({ code: "ERR_REGISTRY_INVALID_LAYOUT" });
    await home.discard();
    await writeFile(join(directory, "file"), "text");
    const file = await stageLayoutDirectory(join(directory, "file"), layout);
    await expect(file.finish([])).rejects.toMatchObject({ code: "ENOTDIR" });
    await file.discard();
    const { layout: before } = await layoutOf(4);
    const aborted = await stageLayoutDirectory(before.directory, layout);
    await expect(aborted.finish([], { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
    await aborted.discard();
    expect(await collect(before.tags())).toEqual(["v4"]);
    expect((await readdir(directory)).sort()).toEqual(["file", "home"]);
    expect(await readdir(join(directory, "home"))).toEqual(["letter"]);
  });

  test("puts back what a process left beside its place between two renames", async () => {
    const { layout, images } = await layoutOf(1);
    const directory = await folder();
    const target = join(directory, "out");
    await (await stageLayoutDirectory(target, layout)).finish(images);
    await rename(target, join(directory, ".out.before-socikit-1"));
    const staged = await stageLayoutDirectory(target, layout);
    expect(await (await openLayoutDirectory(target)).entries()).toEqual(images);
    await staged.discard();
    expect(await readdir(directory)).toEqual(["out"]);
  });
});
