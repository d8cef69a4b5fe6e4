import { toByteString, toDisplay, type ByteString, type ReadOptions } from "@socikit/oci";
import type { TocEntry } from "@socikit/ztoc";
import { describe, expect, test } from "vitest";
import { createPathReader, MAX_SYMLINKS, type PathReader } from "./image-paths.ts";
import type { FileTree } from "./file-tree.ts";
import { createImageTree } from "./image-tree.ts";
import type { LazyLayer } from "./lazy-layer.ts";
import { MergedTree } from "@socikit/soci-index";
import { someDigest } from "./testing/fake-index.ts";
import { tableOf, tocEntry } from "./testing/toc-entry.ts";

const f = tocEntry;
const symlink = (name: string, link: string): TocEntry => f(name, { type: "symlink", link });

/** A tree of entries without content. */
function treeOf(...layers: readonly TocEntry[][]) {
  const merged = new MergedTree();
  const lazy = layers.map((entries, i): LazyLayer => {
    const toc = tableOf(entries);
    merged.add(i, toc);
    return {
      layer: { mediaType: "", digest: someDigest(`${i}`), size: 0 },
      mode: "whole",
      derived: true,
      toc,
      // oxlint-disable-next-line require-yield
      async *chunks() {
        await Promise.resolve();
      },
      tierOf: () => 3,
      contains: () => true,
      close: () => Promise.resolve(),
    };
  });
  return createImageTree(merged, lazy);
}
const pathsOf = (...entries: readonly TocEntry[]): PathReader => createPathReader(treeOf([...entries]));
const code = (code: string) => expect.objectContaining({ code });

async function names(files: AsyncIterable<{ readonly path: string }>): Promise<string[]> {
  const all: string[] = [];
  for await (const { path } of files) all.push(path);
  return all;
}

const image = [
  f("usr/bin/"),
  f("usr/bin/tool", { mode: 0o104755, uncompressedSize: 7 }),
  symlink("bin", "usr/bin"),
  symlink("usr/bin/up", "../../etc/conf"),
  symlink("usr/bin/abs", "/etc/conf"),
  symlink("usr/bin/out", "../../../../../etc/conf"),
  symlink("usr/bin/dangling", "nowhere"),
  symlink("self", "self"),
  symlink("a", "b"),
  symlink("b", "a"),
  symlink("empty", ""),
  symlink("slashes", "//usr///bin//./tool"),
  f("etc/conf", { uncompressedSize: 3 }),
];

describe("createPathReader().resolve()", () => {
  test.for([
    ["a name", "usr/bin/tool", "/usr/bin/tool"],
    ["an absolute name", "/usr/bin/tool", "/usr/bin/tool"],
    ["doubled slashes and dots", "//usr/./bin//tool", "/usr/bin/tool"],
    ["bytes", new TextEncoder().encode("usr/bin/tool"), "/usr/bin/tool"],
    ["the root", "/", "/"],
    ["nothing, which is the root", "", "/"],
    ["a symlink on the way", "bin/tool", "/usr/bin/tool"],
    ["a symlink at the end", "bin", "/usr/bin"],
    ["a relative symlink with ..", "bin/up", "/etc/conf"],
    ["an absolute symlink, which starts at the image's root", "bin/abs", "/etc/conf"],
    ["a symlink out of the root, which stays in it", "bin/out", "/etc/conf"],
    [".. at the root, which stays there", "../../etc/conf", "/etc/conf"],
    [".. after a symlink: of where it leads", "bin/../bin/tool", "/usr/bin/tool"],
    ["a target with odd slashes", "slashes", "/usr/bin/tool"],
  ] as const)("finds %s", async ([, path, want]) => {
    expect((await pathsOf(...image).resolve(path)).path).toBe(want);
  });

  test.for([
    ["what is not there", "usr/bin/none", "ERR_LAZY_NOT_FOUND"],
    ["a name with a NUL", "usr/bin\0", "ERR_LAZY_NOT_FOUND"],
    ["a dangling symlink", "bin/dangling", "ERR_LAZY_NOT_FOUND"],
    ["a symlink to nothing", "empty", "ERR_LAZY_NOT_FOUND"],
    ["a symlink to itself", "self", "ERR_LAZY_SYMLINK_LOOP"],
    ["two symlinks in a circle", "a/x", "ERR_LAZY_SYMLINK_LOOP"],
    ["what is below a file", "etc/conf/x", "ERR_LAZY_NOT_A_DIRECTORY"],
    ["a file with a slash at its end", "etc/conf/", "ERR_LAZY_NOT_A_DIRECTORY"],
    ["a file with a dot at its end", "etc/conf/.", "ERR_LAZY_NOT_A_DIRECTORY"],
    ["the directory above a file", "etc/conf/..", "ERR_LAZY_NOT_A_DIRECTORY"],
    ["a path that is too long", "x".repeat(4097), "ERR_LAZY_NOT_FOUND"],
  ] as const)("does not find %s", async ([, path, want]) => {
    await expect(pathsOf(...image).resolve(path)).rejects.toEqual(code(want));
  });

  test("follows as many symlinks as Linux, and not one more", async () => {
    const chain = (length: number) =>
      Array.from({ length }, (_, i) => symlink(`l${i}`, i + 1 < length ? `l${i + 1}` : "end"));
    expect((await pathsOf(f("end"), ...chain(MAX_SYMLINKS)).resolve("l0")).path).toBe("/end");
    await expect(pathsOf(f("end"), ...chain(MAX_SYMLINKS + 1)).resolve("l0")).rejects.toEqual(
      code("ERR_LAZY_SYMLINK_LOOP"),
    );
  });

  test("ends targets that double at every step", async () => {
    const doubling = Array.from({ length: 30 }, (_, i) =>
      symlink(
        `d${i}`,
        Array(400)
          .fill(`d${i + 1}`)
          .join("/"),
      ),
    );
    await expect(pathsOf(...doubling).resolve("d0")).rejects.toEqual(code("ERR_LAZY_NOT_FOUND"));
  });

  test("says where it got to", async () => {
    await expect(pathsOf(...image).resolve("bin/none/x")).rejects.toThrow(
      'Cannot find "bin/none/x": there is no "none" in "/usr/bin"',
    );
  });
});

describe("createPathReader().stat()", () => {
  test("gives a symlink as it is, unless the path says that it is a directory", async () => {
    const paths = pathsOf(...image);
    expect(await paths.stat("bin")).toMatchObject({ type: "symlink", path: "/bin", linkname: "usr/bin", size: 7 });
    expect(await paths.stat("bin/")).toMatchObject({ type: "directory", path: "/usr/bin" });
    expect(await paths.stat("bin/up")).toMatchObject({ type: "symlink", path: "/usr/bin/up" });
  });

  test("gives what the index says, with file type bits taken out of the mode", async () => {
    expect(await pathsOf(...image).stat("usr/bin/tool")).toEqual({
      id: expect.any(Number) as number,
      path: "/usr/bin/tool",
      type: "file",
      mode: 0o4755,
      size: 7,
      uid: 0,
      gid: 0,
      mtime: 1_700_000_000,
      mtimeNs: 0,
      links: 1,
    });
  });

  test("gives a directory that nobody wrote 0755", async () => {
    expect(await pathsOf(...image).stat("etc")).toMatchObject({
      type: "directory",
      mode: 0o755,
      links: 2,
      mtime: 0,
      mtimeNs: 0,
    });
  });

  test("gives devices their numbers, and nothing but files and symlinks a size", async () => {
    const paths = pathsOf(
      f("c", { type: "char", devmajor: 1, devminor: 3, uncompressedSize: 5 }),
      f("b", { type: "block", devmajor: 8 }),
      f("p", { type: "fifo", uncompressedSize: 5 }),
      f("d/", { uncompressedSize: 5 }),
    );
    expect(await paths.stat("c")).toMatchObject({ type: "char", size: 0, device: { major: 1, minor: 3 } });
    expect(await paths.stat("b")).toMatchObject({ type: "block", device: { major: 8, minor: 0 } });
    expect(await paths.stat("p")).toMatchObject({ type: "fifo", size: 0 });
    expect(await paths.stat("d")).toMatchObject({ type: "directory", size: 0 });
  });

  test("gives the names of one file one id", async () => {
    const paths = pathsOf(f("a", { uncompressedSize: 4 }), f("b", { type: "hardlink", link: "a", mode: 0 }));
    const [a, b] = [await paths.stat("a"), await paths.stat("b")];
    expect(b).toEqual({ ...a, path: "/b" });
    expect(a.links).toBe(2);
  });
});

describe("createPathReader().list()", () => {
  test("lists one level in byte order", async () => {
    expect(await names(pathsOf(...image).list("/"))).toEqual(
      ["a", "b", "bin", "empty", "etc", "self", "slashes", "usr"].map((name) => `/${name}`),
    );
  });
  test("lists everything below, each directory before what is in it, and enters no symlink", async () => {
    expect(
      await names(pathsOf(f("d/x"), f("d/a/y"), f("e"), symlink("d/up", "..")).list("", { recursive: true })),
    ).toEqual(["/d", "/d/a", "/d/a/y", "/d/up", "/d/x", "/e"]);
  });
  test("lists where a symlink leads", async () => {
    expect(await names(pathsOf(...image).list("bin"))).toContain("/usr/bin/tool");
  });
  test("orders names by bytes, not by characters", async () => {
    // U+FFFD is EF BF BD and U+10000 F0 90 80 80 in UTF-8; in UTF-16 the second sorts first.
    const listed = await names(pathsOf(f("\u{10000}"), f("\ufffd"), f("Z"), f("a")).list("/"));
    expect(listed.map((path) => toDisplay(toByteStringOf(path)))).toEqual(["/Z", "/a", "/\ufffd", "/\u{10000}"]);
  });
  test("lists a directory of several pages", async () => {
    const files = Array.from({ length: 3000 }, (_, i) => f(`d/${i}`));
    expect(new Set(await names(pathsOf(...files).list("d"))).size).toBe(3000);
  });
  test.for([
    ["a file", "etc/conf", "ERR_LAZY_NOT_A_DIRECTORY"],
    ["what is not there", "none", "ERR_LAZY_NOT_FOUND"],
  ] as const)("refuses %s", async ([, path, want]) => {
    await expect(names(pathsOf(...image).list(path))).rejects.toEqual(code(want));
  });
  test("ends when its signal does", async () => {
    const controller = new AbortController();
    const listing = (async () => {
      for await (const _ of pathsOf(...image).list("/", { recursive: true, signal: controller.signal }))
        controller.abort(new Error("enough"));
    })();
    await expect(listing).rejects.toThrow("enough");
  });
});

/** A path of a listing, which is a ByteString already. */
function toByteStringOf(path: string): ReturnType<typeof toByteString> {
  return path as ReturnType<typeof toByteString>;
}

describe("createPathReader().read()", () => {
  test.for([
    ["a directory", "etc", "ERR_LAZY_NOT_A_FILE"],
    ["a symlink to a directory", "bin", "ERR_LAZY_NOT_A_FILE"],
    ["what is not there", "none", "ERR_LAZY_NOT_FOUND"],
  ] as const)("refuses %s", async ([, path, want]) => {
    await expect(pathsOf(...image).read(path)).rejects.toEqual(code(want));
    const stream = pathsOf(...image)
      .stream(path)
      .getReader();
    await expect(stream.read()).rejects.toEqual(code(want));
  });
  test.for([
    [-1, 2],
    [2, 1],
    [0.5, 1],
    [0, Number.NaN],
  ])("refuses range %d to %d", async ([start, end]) => {
    const range = { start: start!, end: end! };
    await expect(pathsOf(...image).read("etc/conf", { range })).rejects.toThrow(RangeError);
    expect(() => pathsOf(...image).stream("etc/conf", { range })).toThrow(RangeError);
  });
});

describe("createImageTree()", () => {
  test("answers as a mount asks", () => {
    const tree = treeOf(image);
    const usr = tree.lookup(tree.root, toByteString("usr"))!;
    const bin = tree.lookup(usr.id, toByteString("bin"))!;
    expect(tree.lookup(bin.id, toByteString("none"))).toBeUndefined();
    expect(tree.lookup(tree.lookup(bin.id, toByteString("tool"))!.id, toByteString("x"))).toBeUndefined();
    expect([tree.parent(bin.id), tree.parent(tree.root)]).toEqual([usr.id, tree.root]);
    expect(tree.readlink(tree.lookup(bin.id, toByteString("up"))!.id)).toBe("../../etc/conf");
    expect(tree.readlink(bin.id)).toBe("");
    const listed = tree.readdir(bin.id, 0);
    expect(listed.map(({ name }) => name)).toEqual(["abs", "dangling", "out", "tool", "up"]);
    expect(tree.readdir(bin.id, 3).map(({ name }) => name)).toEqual(["tool", "up"]);
    expect(tree.readdir(bin.id, listed.length)).toEqual([]);
    expect(() => tree.readdir(tree.lookup(bin.id, toByteString("tool"))!.id, 0)).toThrow(
      code("ERR_LAZY_NOT_A_DIRECTORY"),
    );
  });
  test("gives extended attributes, and none where there are none", () => {
    const records = new Map(
      [
        ["SCHILY.xattr.user.k", "v\u00ff"],
        ["path", "d"],
      ].map((record) => record.map((part) => part as ByteString) as [ByteString, ByteString]),
    );
    const tree = treeOf([f("d/x"), f("x", { paxRecords: records })]);
    expect([...tree.xattrs(tree.lookup(tree.root, toByteString("x"))!.id)]).toEqual([["user.k", "v\xff"]]);
    expect(tree.xattrs(tree.lookup(tree.root, toByteString("d"))!.id).size).toBe(0);
  });
  test("gives the same ids for the same layers", () => {
    const ids = (tree: ReturnType<typeof treeOf>) => tree.readdir(tree.root, 0).map(({ id, name }) => [name, id]);
    expect(ids(treeOf(image, [f("etc/new"), f(".wh.a")]))).toEqual(ids(treeOf(image, [f("etc/new"), f(".wh.a")])));
  });
  test.for([0, -1, 1.5, 1000, Number.NaN])("refuses the id %d, which it never gave", (id) => {
    const tree = treeOf(image);
    for (const ask of [() => tree.stat(id), () => tree.readdir(id, 0), () => tree.parent(id), () => tree.xattrs(id)])
      expect(ask).toThrow(RangeError);
  });
});

test.for([
  ["a whole second", "2023-11-14T22:13:20Z", 1_700_000_000, 0],
  ["a fraction", "2023-11-14T22:13:20.5Z", 1_700_000_000, 500_000_000],
  [
    "nanoseconds, which a double of seconds does not hold",
    "2023-11-14T22:13:20.123456789Z",
    1_700_000_000,
    123_456_789,
  ],
  ["another zone", "2023-11-15T00:13:20.000000001+02:00", 1_700_000_000, 1],
  ["a time before 1970, rounded down", "1969-12-31T23:59:58.5Z", -2, 500_000_000],
  ["the nanosecond before 1970", "1969-12-31T23:59:59.999999999Z", -1, 999_999_999],
  ["Go's zero time", "0001-01-01T00:00:00Z", -62_135_596_800, 0],
  ["none", "", 0, 0],
  ["no time", "yesterday", 0, 0],
  ["no time of a clock", "2023-99-99T99:99:99Z", 0, 0],
] as const)("stat() of %s: %j is %d s and %d ns", async ([, modTime, mtime, mtimeNs]) => {
  expect(await pathsOf(f("f", { modTime })).stat("f")).toMatchObject({ mtime, mtimeNs });
});

test("hands its options to everything that may wait", async () => {
  const asked: string[] = [];
  const tree = treeOf([f("d/"), f("d/file"), symlink("d/link", "file")]);
  const noted = (what: string, options: ReadOptions | undefined): void => {
    asked.push(`${what} ${options?.priority}${options?.signal === undefined ? "" : " with a signal"}`);
  };
  const watching: FileTree = {
    ...tree,
    stat: (id, options) => (noted("stat", options), tree.stat(id)),
    lookup: (id, name, options) => (noted("lookup", options), tree.lookup(id, name)),
    readdir: (id, cursor, options) => (noted("readdir", options), tree.readdir(id, cursor)),
    readlink: (id, options) => (noted("readlink", options), tree.readlink(id)),
    open: (id, options) => (noted("open", options), tree.open(id)),
  };
  const paths = createPathReader(watching);
  const options = { signal: new AbortController().signal, priority: "background" } as const;
  await paths.stat("d/link", options);
  await names(paths.list("/", { ...options, recursive: true }));
  await paths.read("d/link", options);
  for await (const chunk of paths.stream("d/file", options)) expect(chunk).toBeDefined();
  expect(new Set(asked)).toEqual(
    new Set(["stat", "lookup", "readdir", "readlink", "open"].map((what) => `${what} background with a signal`)),
  );
});
