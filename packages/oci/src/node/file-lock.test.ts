import type * as Fs from "node:fs/promises";
import { mkdtemp, readdir, readFile, readlink, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { withFileLock } from "./file-lock.ts";

/** What the next opened file's `writeFile` and `close` do, how often files were closed, and whether there are symbolic links. */
const disk = vi.hoisted(() => ({ fail: undefined as Error | undefined, closed: 0, links: true }));
vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof Fs>();
  return {
    ...fs,
    async symlink(...args: Parameters<typeof fs.symlink>) {
      if (!disk.links) throw Object.assign(new Error("EPERM: operation not permitted"), { code: "EPERM" });
      return fs.symlink(...args);
    },
    async open(...args: Parameters<typeof fs.open>) {
      const file = await fs.open(...args);
      const { fail } = disk;
      if (fail === undefined) return file;
      file.writeFile = () => Promise.reject(fail);
      const close = file.close.bind(file);
      file.close = () => (disk.closed++, close());
      return file;
    },
  };
});

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "socikit-lock-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const options = { locked: (holder: string): Error => new Error(`held by ${holder}`) };

/** A process that has ended: numbers of processes end at 4194304. */
const DEAD = 4_194_304 + 1;

test.for([true, false])(
  "withFileLock() runs one body at a time, and removes the lock; with links: %s",
  async (links) => {
    disk.links = links;
    const path = join(root, "one");
    let running = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 10 }, () =>
        withFileLock(
          path,
          async () => {
            most = Math.max(most, ++running);
            expect(links ? await readlink(path) : await readFile(path, "utf8")).toContain(String(process.pid));
            running--;
          },
          options,
        ),
      ),
    );
    expect(most).toBe(1);
    expect(await readdir(root)).not.toContain("one");
    disk.links = true;
  },
);

test("withFileLock() goes on after a body that failed", async () => {
  const path = join(root, "failed");
  await expect(withFileLock(path, () => Promise.reject(new Error("no")), options)).rejects.toThrow("no");
  expect(await withFileLock(path, async () => "yes", options)).toBe("yes");
});

test("withFileLock() takes over the link of a process that died, and no other", async () => {
  const path = join(root, "link");
  await symlink(`${DEAD} other ${hostname().slice(0, 32)}`, path);
  expect(await withFileLock(path, async () => "mine", options)).toBe("mine");
  await symlink(`${process.ppid} other ${hostname().slice(0, 32)}`, path);
  const signal = AbortSignal.timeout(50);
  await expect(withFileLock(path, async () => "mine", { ...options, signal })).rejects.toMatchObject({
    name: "TimeoutError",
  });
  expect(await readlink(path)).toContain(String(process.ppid));
});

test("withFileLock() waits for another process, and gives up with the signal's reason", async () => {
  const path = join(root, "held");
  await writeFile(path, `${process.ppid} other ${hostname().slice(0, 32)}`);
  const signal = AbortSignal.timeout(50);
  await expect(withFileLock(path, async () => "mine", { ...options, signal })).rejects.toMatchObject({
    name: "TimeoutError",
  });
  const waiting = withFileLock(path, async () => "mine", options);
  setTimeout(() => void rm(path), 50);
  expect(await waiting).toBe("mine");
});

test("withFileLock() removes the lock of a process that died, and one of a machine long gone", async () => {
  const path = join(root, "stale");
  await writeFile(path, `${DEAD} other ${hostname().slice(0, 32)}`);
  expect(await withFileLock(path, async () => "mine", options)).toBe("mine");
  await writeFile(path, "1 other elsewhere.test");
  await utimes(path, new Date(0), new Date(0));
  expect(await withFileLock(path, async () => "mine", options)).toBe("mine");
  expect((await readdir(root)).filter((name) => name.startsWith("stale"))).toEqual([]);
});

test("withFileLock() leaves the lock of a process that runs here alone, however old it is", async () => {
  const path = join(root, "long");
  await writeFile(path, `${process.ppid} other ${hostname().slice(0, 32)}`);
  await utimes(path, new Date(0), new Date(0));
  const signal = AbortSignal.timeout(100);
  await expect(withFileLock(path, async () => "mine", { ...options, signal })).rejects.toMatchObject({
    name: "TimeoutError",
  });
  expect(await readFile(path, "utf8")).toContain("other");
});

test("withFileLock() leaves no lock and no open file where the disk is full", async () => {
  const path = join(root, "full");
  disk.links = false;
  disk.fail = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  await expect(withFileLock(path, async () => "mine", options)).rejects.toMatchObject({ code: "ENOSPC" });
  disk.fail = undefined;
  expect(disk.closed).toBe(1);
  expect((await readdir(root)).filter((name) => name.startsWith("full"))).toEqual([]);
  expect(await withFileLock(path, async () => "mine", options)).toBe("mine");
  disk.links = true;
});

test("withFileLock() takes an empty lock for nobody's after a moment, long before the end of its patience", async () => {
  const path = join(root, "empty");
  await writeFile(path, "");
  const signal = AbortSignal.timeout(50);
  await expect(withFileLock(path, async () => "mine", { ...options, signal })).rejects.toMatchObject({
    name: "TimeoutError",
  });
  // Its process was killed between making and filling it.
  const before = new Date(Date.now() - 6000);
  await utimes(path, before, before);
  expect(await withFileLock(path, async () => "mine", options)).toBe("mine");
});
