import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { withFileLock } from "./file-lock.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "socikit-lock-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** A process that has ended: numbers of processes end at 4194304. */
const DEAD = 4_194_304 + 1;

test("withFileLock() runs one body at a time, and removes the file", async () => {
  const path = join(root, "one");
  let running = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 10 }, () =>
      withFileLock(path, async () => {
        most = Math.max(most, ++running);
        expect(await readFile(path, "utf8")).toContain(String(process.pid));
        running--;
      }),
    ),
  );
  expect(most).toBe(1);
  expect(await readdir(root)).not.toContain("one");
});

test("withFileLock() goes on after a body that failed", async () => {
  const path = join(root, "failed");
  await expect(withFileLock(path, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await withFileLock(path, async () => "yes")).toBe("yes");
});

test("withFileLock() waits for another process, and gives up with the signal's reason", async () => {
  const path = join(root, "held");
  await writeFile(path, `${process.ppid} other ${hostname()}`);
  const signal = AbortSignal.timeout(50);
  await expect(withFileLock(path, async () => "mine", signal)).rejects.toMatchObject({ name: "TimeoutError" });
  const waiting = withFileLock(path, async () => "mine");
  setTimeout(() => void rm(path), 50);
  expect(await waiting).toBe("mine");
});

test("withFileLock() removes the lock of a process that died, and one of a machine long gone", async () => {
  const path = join(root, "stale");
  await writeFile(path, `${DEAD} other ${hostname()}`);
  expect(await withFileLock(path, async () => "mine")).toBe("mine");
  await writeFile(path, "1 other elsewhere.test");
  await utimes(path, new Date(0), new Date(0));
  expect(await withFileLock(path, async () => "mine")).toBe("mine");
  expect((await readdir(root)).filter((name) => name.startsWith("stale"))).toEqual([]);
});
