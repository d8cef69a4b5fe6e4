import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { main } from "../main.ts";
import { testIo } from "../testing/test-io.ts";

let home: string;
let file: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "socikit-cli-"));
  await mkdir(join(home, ".finch"));
  file = join(home, ".finch", "finch.yaml");
});
afterEach(async () => {
  await rm(home, { recursive: true });
});

test("finch enable-soci edits the file where Finch keeps it, and says what to do next", async () => {
  await writeFile(file, "# mine\ncpus: 4\n");
  const io = testIo({ home, system: "darwin" });
  expect(await main(["finch", "enable-soci"], io)).toBe(0);
  const after = await readFile(file, "utf8");
  expect(after).toContain("# mine\ncpus: 4\n");
  expect(after).toMatch(/snapshotters:\n\s+- soci\n/);
  expect(io.stderr.text()).toMatch(/overlayfs was\n.*finch vm stop && finch vm start/);
  const again = testIo({ home, system: "darwin" });
  expect(await main(["finch", "enable-soci"], again)).toBe(0);
  expect(again.stderr.text()).toMatch(/already/);
  expect(await readFile(file, "utf8")).toBe(after);
});

test("finch enable-soci --dry-run prints and writes nothing; --json reports", async () => {
  await writeFile(file, "cpus: 4\n");
  const io = testIo();
  expect(await main(["finch", "enable-soci", "--dry-run", "--file", file], io)).toBe(0);
  expect(io.stdout.text()).toMatch(/^cpus: 4\nsnapshotters:/);
  expect(await readFile(file, "utf8")).toBe("cpus: 4\n");
  const json = testIo();
  expect(await main(["finch", "enable-soci", "--json", "--file", file], json)).toBe(0);
  expect(JSON.parse(json.stdout.text())).toEqual({ file, before: "overlayfs", after: "soci", changed: true });
});

test("finch enable-soci looks under LOCALAPPDATA on Windows", async () => {
  await writeFile(file, "cpus: 4\n");
  const io = testIo({ home: "/elsewhere", system: "win32", env: { LOCALAPPDATA: home } });
  expect(await main(["finch", "enable-soci", "--json"], io)).toBe(0);
});

test.for<readonly [content: string | undefined, code: number, error: RegExp, reason: string]>([
  [undefined, 3, /it is not there\n.*finch vm init/, "no file"],
  ["cpus: [\n", 1, /finch\.yaml.*line \d+.*\n.*correct/, "not YAML"],
  ["snapshotters: 5\n", 1, /finch\.yaml.*\n.*correct/, "a value that Finch cannot read"],
])("finch enable-soci refuses a file with %j", async ([content, code, error]) => {
  if (content !== undefined) await writeFile(file, content);
  const io = testIo({ home });
  expect(await main(["finch", "enable-soci"], io)).toBe(code);
  expect(io.stderr.text()).toMatch(error);
  if (content !== undefined) expect(await readFile(file, "utf8")).toBe(content);
});
