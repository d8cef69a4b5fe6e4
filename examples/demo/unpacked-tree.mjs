// A directory on disk that layers are unpacked into, one over the other.
import { Buffer } from "node:buffer";
import { copyFile, mkdir, open, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { tarEntries } from "./tar-reader.mjs";

/** Files up to this size are written in one go, many at a time; larger ones as they arrive. */
const SMALL = 1024 * 1024;
const MOST_AT_ONCE = 16;

/**
 * Unpacks layers as a container runtime does, whiteouts applied.
 *
 * The image may be a stranger's. No symbolic link is made on disk before all layers are there, so no entry can lead a
 * write out of the directory; links are followed in memory, inside the image.
 */
export class UnpackedTree {
  #root;
  #tree = { children: new Map() };
  #writes = new Set();
  #failure;

  /** @param {string} root An empty directory. */
  constructor(root) {
    this.#root = root;
  }

  /** @param {AsyncIterable<Uint8Array>} tar One layer, uncompressed. */
  async addLayer(tar) {
    const added = new Set();
    for await (const entry of tarEntries(tar)) await this.#addEntry(entry, added);
    await this.#settled();
  }

  async #addEntry(entry, added) {
    const parts = entry.name.split("/").filter((part) => part !== "" && part !== ".");
    const name = parts.pop();
    if (name === undefined || parts.includes("..") || name === "..") return;
    const parent = await this.#directory(parts);
    if (name === ".wh..wh..opq") return this.#removeLower(parent, added);
    if (name.startsWith(".wh.")) return this.#remove(parent, name.slice(4));
    const before = parent.node.children.get(name);
    if (before !== undefined && !(before.children !== undefined && entry.flag === "5"))
      await this.#remove(parent, name);
    const path = join(parent.path, name);
    const node = await this.#make(entry, path);
    if (node === undefined) return;
    if (node.children === undefined || before?.children === undefined) parent.node.children.set(name, node);
    added.add(parent.node.children.get(name));
  }

  /** Makes one entry on disk, and its node; nothing for devices and the like. */
  async #make(entry, path) {
    switch (entry.flag) {
      case "5":
        await mkdir(join(this.#root, path), { recursive: true });
        return { children: new Map() };
      case "2":
        return { link: entry.linkname };
      case "1": {
        const target = this.#find(entry.linkname);
        if (target?.node.children !== undefined || target === undefined || target.node.link !== undefined)
          return undefined;
        await this.#settled();
        await copyFile(join(this.#root, target.path), join(this.#root, path));
        return {};
      }
      case "0":
      case "\0":
      case "7":
        await this.#write(entry, path);
        return {};
      default:
        return undefined;
    }
  }

  async #write(entry, path) {
    const to = join(this.#root, path);
    if (entry.size <= SMALL) {
      const parts = [];
      for await (const chunk of entry.content()) parts.push(chunk);
      while (this.#writes.size >= MOST_AT_ONCE) await Promise.race(this.#writes);
      if (this.#failure !== undefined) throw this.#failure;
      const write = writeFile(to, Buffer.concat(parts))
        .catch((error) => void (this.#failure ??= error))
        .finally(() => this.#writes.delete(write));
      this.#writes.add(write);
      return;
    }
    const file = await open(to, "w");
    try {
      for await (const chunk of entry.content()) await file.write(chunk);
    } finally {
      await file.close();
    }
  }

  async #settled() {
    await Promise.all(this.#writes);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** The directory of some path parts, made where it is not there; links on the way are followed. */
  async #directory(parts) {
    const found = this.#find(parts.join("/"));
    if (found?.node.children !== undefined) return found;
    let at = { node: this.#tree, path: "" };
    for (const part of parts) {
      const next = this.#find(join(at.path, part).split(sep).join("/"));
      if (next?.node.children !== undefined) at = next;
      else {
        await this.#remove(at, part);
        const node = { children: new Map() };
        at.node.children.set(part, node);
        at = { node, path: join(at.path, part) };
        await mkdir(join(this.#root, at.path), { recursive: true });
      }
    }
    return at;
  }

  /** Where a path leads, links followed inside the image. */
  #find(path) {
    let parts = path.split("/");
    let trail = [{ node: this.#tree, name: "" }];
    for (let hops = 0; parts.length > 0;) {
      const part = parts.shift();
      if (part === "" || part === ".") continue;
      if (part === "..") {
        if (trail.length > 1) trail.pop();
        continue;
      }
      const node = trail.at(-1).node.children?.get(part);
      if (node === undefined || hops > 40) return undefined;
      if (node.link === undefined) trail.push({ node, name: part });
      else {
        hops += 1;
        parts = [...node.link.split("/"), ...parts];
        if (node.link.startsWith("/")) trail = trail.slice(0, 1);
      }
    }
    return { node: trail.at(-1).node, path: join(...trail.map(({ name }) => name)) };
  }

  async #remove(parent, name) {
    if (!parent.node.children.delete(name)) return;
    await this.#settled();
    await rm(join(this.#root, parent.path, name), { recursive: true, force: true });
  }

  /** Takes away what lower layers put into a directory. */
  async #removeLower(directory, added) {
    for (const [name, node] of directory.node.children) {
      if (!added.has(node)) await this.#remove(directory, name);
      else if (node.children !== undefined) await this.#removeLower({ node, path: join(directory.path, name) }, added);
    }
  }

  /** Makes the symbolic links. Call once, after the last layer. */
  async finish() {
    const root = await realpath(this.#root);
    const links = [];
    const collect = (node, path) => {
      for (const [name, child] of node.children) {
        if (child.link !== undefined) links.push([join(path, name), child.link]);
        if (child.children !== undefined) collect(child, join(path, name));
      }
    };
    collect(this.#tree, "");
    for (const [path, link] of links) {
      // On file systems without letter case, a link made before may stand for a directory on the way.
      const parent = await realpath(dirname(join(root, path)));
      if (parent === root || parent.startsWith(root + sep))
        await symlink(link, join(parent, basename(path))).catch(ignoreExisting);
    }
  }

  /** Whether a path is there. */
  has(path) {
    return this.#find(path) !== undefined;
  }

  /** Number of files, links and directories. */
  count() {
    const countOf = (node) =>
      [...node.children.values()].reduce((sum, child) => sum + 1 + (child.children ? countOf(child) : 0), 0);
    return countOf(this.#tree);
  }

  /** A file's bytes, links followed inside the image. */
  async read(path) {
    const found = this.#find(path);
    if (found === undefined || found.node.children !== undefined)
      throw new Error(`Cannot read ${path}: it is not a file of the image`);
    return readFile(join(this.#root, found.path));
  }
}

function ignoreExisting(error) {
  if (error.code !== "EEXIST") throw error;
}
