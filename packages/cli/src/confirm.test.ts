import { expect, test } from "vitest";
import { canAsk, confirm } from "./confirm.ts";
import { textOutput } from "./testing/test-io.ts";

async function* typed(...chunks: readonly string[]): AsyncIterable<Uint8Array> {
  for (const chunk of chunks) yield new TextEncoder().encode(chunk);
  throw new Error("read on");
}

test.for<readonly [chunks: readonly string[], yes: boolean, reason: string]>([
  [["y\n"], true, "yes, in short"],
  [["Y", "ES\r", "\n"], true, "in pieces, of a terminal on Windows"],
  [["\n"], false, "nothing: the capital letter"],
  [["n\n"], false, "no"],
  [["yesterday\n"], false, "another word"],
  [["no\ny\n"], false, "the first line alone"],
  [["y".repeat(2000)], false, "no end"],
])("confirm() of %j is %s: %s", async ([chunks, yes]) => {
  const stderr = textOutput({ isTTY: true });
  const io = { stderr, stdin: typed(...chunks), signal: new AbortController().signal };
  expect(await confirm("Delete it?", io)).toBe(yes);
  expect(stderr.text()).toBe("Delete it? [y/N] ");
});

test("confirm() takes the end of input for no, and ends with the signal", async () => {
  const stderr = textOutput({ isTTY: true });
  const controller = new AbortController();
  const { signal } = controller;
  const empty = { async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {} };
  expect(await confirm("?", { stderr, stdin: empty, signal })).toBe(false);
  const waits = {
    async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
      await new Promise(() => {});
      yield new Uint8Array();
    },
  };
  const asked = confirm("?", { stderr, stdin: waits, signal });
  controller.abort(new Error("enough"));
  await expect(asked).rejects.toThrow("enough");
  await expect(confirm("?", { stderr, stdin: waits, signal })).rejects.toThrow("enough");
});

test("canAsk() needs a terminal on both sides", () => {
  const [terminal, pipe] = [textOutput({ isTTY: true }), textOutput()];
  expect(canAsk({ stderr: terminal, stdinIsTTY: true })).toBe(true);
  expect(canAsk({ stderr: terminal, stdinIsTTY: false })).toBe(false);
  expect(canAsk({ stderr: pipe, stdinIsTTY: true })).toBe(false);
});
