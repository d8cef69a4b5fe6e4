import type { ByteString } from "@socikit/oci";
import type { TocEntry } from "@socikit/ztoc";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MergedTree } from "./merged-tree.ts";
import { tableOf, tocEntry } from "../testing/toc-entry.ts";

/** What a tree shows: by path, the layer and entry that an entry comes from; `implied` for what nobody wrote. */
function show(tree: MergedTree): Record<string, string> {
  const shown: Record<string, string> = {};
  const walk = (id: number, path: string): void => {
    for (const name of tree.names(id)) {
      const child = tree.child(id, name)!;
      const source = tree.source(child);
      const at = `${path}/${name}`;
      shown[at + (tree.isDirectory(child) ? "/" : "")] = source ? `${source.layer}:${source.entry}` : "implied";
      if (tree.isDirectory(child)) walk(child, at);
    }
  };
  walk(tree.root, "");
  return shown;
}

function merge(...layers: readonly TocEntry[][]): MergedTree {
  const tree = new MergedTree();
  for (const [i, layer] of layers.entries()) tree.add(i, tableOf(layer));
  return tree;
}

const f = tocEntry;
const link = (name: string, target: string): TocEntry => tocEntry(name, { type: "hardlink", link: target });

describe("MergedTree", () => {
  test.for<[string, TocEntry[][], Record<string, string>]>([
    ["parents that nobody wrote", [[f("a/b/c")]], { "/a/": "implied", "/a/b/": "implied", "/a/b/c": "0:0" }],
    ["a parent written after its child", [[f("a/b"), f("a/")]], { "/a/": "0:1", "/a/b": "0:0" }],
    ["spellings of one name", [[f("./a"), f("/a"), f("x/../a")]], { "/a": "0:2" }],
    ["the last of two of one name", [[f("a"), f("a")]], { "/a": "0:1" }],
    ["a later layer's file", [[f("a")], [f("a")]], { "/a": "1:0" }],
    [
      "a directory over a directory",
      [
        [f("d/"), f("d/x")],
        [f("d/"), f("d/y")],
      ],
      { "/d/": "1:0", "/d/x": "0:1", "/d/y": "1:1" },
    ],
    [
      "a child without its directory",
      [[f("d/"), f("d/x")], [f("d/y")]],
      { "/d/": "0:0", "/d/x": "0:1", "/d/y": "1:0" },
    ],
    ["a file over a directory", [[f("d/"), f("d/x")], [f("d")]], { "/d": "1:0" }],
    ["a directory over a file", [[f("d")], [f("d/"), f("d/x")]], { "/d/": "1:0", "/d/x": "1:1" }],
    ["an entry below a lower file", [[f("d")], [f("d/x")]], { "/d/": "implied", "/d/x": "1:0" }],
    ["an entry below a file of its own layer", [[f("d"), f("d/x")]], { "/d/": "implied", "/d/x": "0:1" }],
    [
      "an entry below a symlink",
      [[f("d", { type: "symlink", link: "e" })], [f("d/x")]],
      { "/d/": "implied", "/d/x": "1:0" },
    ],
    ["a whiteout", [[f("a"), f("b")], [f(".wh.a")]], { "/b": "0:1" }],
    ["a whiteout of a directory", [[f("d/"), f("d/x")], [f(".wh.d")]], {}],
    ["a whiteout of what is not there", [[f("a")], [f(".wh.b")]], { "/a": "0:0" }],
    ["a whiteout in a directory that is not there", [[f("a")], [f("n/.wh.b")]], { "/a": "0:0", "/n/": "implied" }],
    ["a whiteout before its own layer's entry", [[f("a")], [f(".wh.a"), f("a")]], { "/a": "1:1" }],
    ["a whiteout after its own layer's entry", [[f("a")], [f("a"), f(".wh.a")]], { "/a": "1:0" }],
    [
      "a whiteout and a new directory",
      [
        [f("d/"), f("d/x")],
        [f("d/"), f(".wh.d"), f("d/y")],
      ],
      { "/d/": "1:0", "/d/y": "1:2" },
    ],
    ["a whiteout of its own layer alone", [[f("a"), f(".wh.a")]], { "/a": "0:0" }],
    ["a whiteout below a file", [[f("a")], [f("a/.wh.x")]], { "/a/": "implied" }],
    [
      "an opaque directory",
      [
        [f("d/"), f("d/x"), f("d/e/"), f("d/e/y")],
        [f("d/"), f("d/z"), f("d/.wh..wh..opq")],
      ],
      { "/d/": "1:0", "/d/z": "1:1" },
    ],
    ["an opaque directory that nobody wrote", [[f("d/"), f("d/x")], [f("d/.wh..wh..opq")]], { "/d/": "0:0" }],
    [
      "an opaque root",
      [
        [f("a"), f("d/")],
        [f(".wh..wh..opq"), f("b")],
      ],
      { "/b": "1:1" },
    ],
    ["an opaque marker over a file", [[f("d")], [f("d/.wh..wh..opq"), f("d/x")]], { "/d/": "implied", "/d/x": "1:1" }],
    ["AUFS's own files", [[f(".wh..wh.aufs"), f(".wh..wh.plnk/"), f(".wh..wh.plnk/12.34")]], {}],
    ["a name below a whiteout", [[f("a/.wh.b/c")]], {}],
    ["a hard link", [[f("a"), link("b", "a")]], { "/a": "0:0", "/b": "0:0" }],
    [
      "a hard link by an absolute name",
      [[f("d/a"), link("b", "/d/a")]],
      { "/d/": "implied", "/d/a": "0:0", "/b": "0:0" },
    ],
    ["a hard link whose target is replaced later", [[f("a"), link("b", "a"), f("a")]], { "/a": "0:2", "/b": "0:0" }],
    ["a hard link whose target a later layer removes", [[f("a"), link("b", "a")], [f(".wh.a")]], { "/b": "0:0" }],
    ["a hard link to a lower layer", [[f("a")], [link("b", "a")]], { "/a": "0:0", "/b": "0:0" }],
    ["a hard link to what comes later", [[link("b", "a"), f("a")]], { "/a": "0:1" }],
    ["a hard link out of the root, which stays in it", [[f("a"), link("b", "../../a")]], { "/a": "0:0", "/b": "0:0" }],
    ["a hard link to itself", [[f("a"), link("a", "a")]], { "/a": "0:0" }],
    ["a hard link to a directory", [[f("d/"), link("b", "d")]], { "/d/": "0:0" }],
    ["a hard link over the directory that holds its target", [[f("d/x"), link("d", "d/x")]], { "/d": "0:0" }],
    ["a hard link below its own target", [[f("a"), link("a/b", "a")]], { "/a/": "implied", "/a/b": "0:0" }],
    ["a chain of hard links", [[f("a"), link("b", "a"), link("c", "b")]], { "/a": "0:0", "/b": "0:0", "/c": "0:0" }],
    ["names that differ in a byte", [[f("a\u00ff"), f("a\u00fe")]], { "/aÃ¿": "0:0", "/aÃ¾": "0:1" }],
    [
      "__proto__ and constructor",
      [[f("__proto__"), f("constructor/x")]],
      { ["/__proto__"]: "0:0", "/constructor/": "implied", "/constructor/x": "0:1" },
    ],
  ])("shows %s", ([, layers, want]) => {
    expect(Object.entries(show(merge(...layers))).sort()).toEqual(Object.entries(want).sort());
  });

  test("takes attributes of the root from an entry that cleans to it", () => {
    expect(merge([f("./")]).source(1)).toEqual({ layer: 0, entry: 0 });
  });

  test("says which entries it did not take, and why", () => {
    const tree = new MergedTree();
    const refused = tree.add(0, tableOf([f("a\0b"), f(""), link("x", "nowhere"), f("d/"), link("y", "d"), f("ok")]));
    expect(refused.map(({ entry, reason }) => [entry, reason])).toEqual([
      [0, "no file can have its name"],
      [1, "it would replace the root directory"],
      [2, "the file that it links to is not there"],
      [4, "it is a hard link to a directory"],
    ]);
  });

  test("counts names of files and subdirectories of directories", () => {
    const tree = merge(
      [f("d/"), f("d/e/"), f("d/f/"), f("a"), link("b", "a"), link("d/c", "a")],
      [f(".wh.b"), f("d/.wh.e")],
    );
    const at = (...path: string[]): number => path.reduce((id, name) => tree.child(id, name as ByteString)!, tree.root);
    expect([tree.links(tree.root), tree.links(at("d")), tree.links(at("a"))]).toEqual([3, 3, 2]);
    tree.add(2, tableOf([f("d")]));
    expect([tree.links(tree.root), tree.links(at("a"))]).toEqual([2, 1]);
  });

  test("finds the parent of a file whose first name is gone", () => {
    const tree = merge([f("d/a"), link("e/b", "d/a")], [f(".wh.d")]);
    const e = tree.child(tree.root, "e" as ByteString)!;
    expect(tree.parent(tree.child(e, "b" as ByteString)!)).toBe(e);
  });

  test("takes as many entries as its limit, and not one more", () => {
    expect(() => new MergedTree(3).add(0, tableOf([f("a/b"), f("c")]))).not.toThrow();
    expect(() => new MergedTree(3).add(0, tableOf([f("a/b"), f("c"), f("d")]))).toThrow(
      expect.objectContaining({ code: "ERR_SOCI_TOO_MANY_ENTRIES" }),
    );
  });

  test("refuses a tree of more directories than fit, which a small layer implies", () => {
    // 31,000 names, 500 bytes each and alike: 670 kB as a layer, 7.7 million directories.
    const names = Array.from({ length: 31_000 }, (_, i) => f(`${i}/${"a/".repeat(248)}f`));
    const before = process.memoryUsage().heapUsed;
    const tree = new MergedTree();
    expect(() => tree.add(0, tableOf(names))).toThrow(expect.objectContaining({ code: "ERR_SOCI_TOO_MANY_ENTRIES" }));
    // 180 MB, and what has not been collected yet. With a map for each it was 430.
    expect((process.memoryUsage().heapUsed - before) / 2 ** 20).toBeLessThan(400);
    expect(tree.length).toBe(2_000_002);
  });

  test("merges a layer of very many entries, too, whiteouts first", () => {
    const many = Array.from({ length: 131_073 }, (_, i) => f(i === 131_072 ? "d/.wh.0" : `d/${i}`));
    const tree = merge([f("d/0"), f("d/x")], many);
    const d = tree.child(tree.root, "d" as ByteString)!;
    expect(tree.source(tree.child(d, "0" as ByteString)!)).toEqual({ layer: 1, entry: 0 });
    expect([...tree.names(d)]).toHaveLength(131_073);
  });

  test("is merged in steps, whose number goes by the entries of all layers", () => {
    const layer = tableOf(Array.from({ length: 20_000 }, (_, i) => f(`d${i}/`)));
    const tree = new MergedTree();
    let steps = 0;
    for (let i = 0; i < 4; i++) for (const _ of tree.addInSteps(i, layer, () => {})) steps++;
    // Each is looked at twice.
    expect(steps).toBe(Math.floor((4 * 2 * 20_000) / 16_384));
    expect(tree.length).toBe(20_002);
  });

  test("removes a very deep directory without recursion", () => {
    const deep = "x/".repeat(256);
    const tree = merge([f(deep)], [f(".wh.x")]);
    expect(show(tree)).toEqual({});
  });

  test("merges 100,000 entries in time", () => {
    const layer = Array.from({ length: 50_000 }, (_, i) => f(`d${i % 500}/e${i % 7}/f${i}`));
    const start = performance.now();
    const tree = merge(layer, layer);
    expect(tree.length).toBeGreaterThan(100_000);
    // 0.4 s on two shared cores; the bound is for a slower machine.
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  /** The model: whole paths in one map, every rule a filter over it. Slow and plain. */
  function model(layers: readonly TocEntry[][]): Record<string, string> {
    type Node = { dir: boolean; of: string };
    const files = new Map<string, Node>();
    const clean = (name: string): string => {
      const parts: string[] = [];
      for (const part of name.split("/")) {
        if (part === "" || part === ".") continue;
        if (part === "..") parts.pop();
        else parts.push(part);
      }
      return parts.map((part) => `/${part}`).join("");
    };
    const drop = (path: string): void => {
      for (const key of files.keys()) if (key === path || key.startsWith(`${path}/`)) files.delete(key);
    };
    const mkdirs = (path: string): void => {
      const parts = path.split("/").slice(1);
      for (let i = 1; i <= parts.length; i++) {
        const at = `/${parts.slice(0, i).join("/")}`;
        if (files.get(at)?.dir) continue;
        drop(at);
        files.set(at, { dir: true, of: "implied" });
      }
    };
    const split = (path: string): [string, string] => [
      path.slice(0, path.lastIndexOf("/")),
      path.slice(path.lastIndexOf("/") + 1),
    ];
    const hidden = (path: string): boolean => path.split("/").some((part) => part.startsWith(".wh."));
    for (const [l, layer] of layers.entries()) {
      const marks = layer.map((entry) => clean(entry.name)).filter((path) => split(path)[1].startsWith(".wh."));
      for (const path of marks) {
        const [parent, base] = split(path);
        if (base === ".wh..wh..opq") {
          for (const key of files.keys()) if (key.startsWith(`${parent}/`)) files.delete(key);
        } else if (!/^\.wh\.(?:\.wh\.|\.{0,2}$)/.test(base)) drop(`${parent}/${base.slice(4)}`);
      }
      for (const path of marks) if (!hidden(split(path)[0]) && split(path)[0]) mkdirs(split(path)[0]);
      for (const [e, entry] of layer.entries()) {
        const path = clean(entry.name);
        if (path === "" || hidden(path)) continue;
        const parent = split(path)[0];
        if (entry.type === "hardlink") {
          const target = files.get(clean(entry.linkname));
          if (target === undefined || target.dir) continue;
          if (parent) mkdirs(parent);
          drop(path);
          files.set(path, target);
          continue;
        }
        if (parent) mkdirs(parent);
        const dir = entry.type === "dir";
        if (!(dir && files.get(path)?.dir)) drop(path);
        files.set(path, { dir, of: `${l}:${e}` });
      }
    }
    return Object.fromEntries([...files].map(([path, { dir, of }]) => [path + (dir ? "/" : ""), of]));
  }

  test("shows what a simple model shows, for any layers", () => {
    const name = fc
      .array(fc.constantFrom("a", "b", "c", "..", ".", ".wh.a", ".wh.b", ".wh..wh..opq", ".wh."), {
        minLength: 1,
        maxLength: 4,
      })
      .map((parts) => parts.join("/"));
    const entry = fc
      .record({ name, target: name, type: fc.constantFrom("reg", "dir", "hardlink", "symlink") })
      .map(({ name, target, type }) => tocEntry(name, { type: type as TocEntry["type"], link: target }));
    const layers = fc.array(fc.array(entry, { maxLength: 8 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(layers, (layers) => {
        expect(show(merge(...layers))).toEqual(model(layers));
      }),
      { numRuns: 400 },
    );
  });

  test("has one link for each name, for any layers", () => {
    const name = fc
      .array(fc.constantFrom("a", "b", "c", ".wh.a"), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.join("/"));
    const entry = fc
      .record({ name, target: name, type: fc.constantFrom("reg", "dir", "hardlink") })
      .map(({ name, target, type }) => tocEntry(name, { type: type as TocEntry["type"], link: target }));
    fc.assert(
      fc.property(fc.array(fc.array(entry, { maxLength: 10 }), { minLength: 1, maxLength: 3 }), (layers) => {
        const tree = merge(...layers);
        const names = new Map<number, number>();
        const parents = new Map<number, number[]>();
        const walk = (id: number): void => {
          names.set(id, (names.get(id) ?? 0) + (tree.isDirectory(id) ? 2 : 0));
          for (const name of tree.names(id)) {
            const child = tree.child(id, name)!;
            parents.set(child, [...(parents.get(child) ?? []), id]);
            if (tree.isDirectory(child)) {
              names.set(id, names.get(id)! + 1);
              walk(child);
            } else names.set(child, (names.get(child) ?? 0) + 1);
          }
        };
        walk(tree.root);
        for (let id = 1; id < tree.length; id++) {
          expect(tree.links(id)).toBe(names.get(id) ?? 0);
          expect(tree.has(id)).toBe(names.has(id));
          if (parents.has(id)) expect(parents.get(id)).toContain(tree.parent(id));
        }
      }),
      { numRuns: 200 },
    );
  });
});
