import type { WriteStream } from "node:tty";
import { expect, test } from "vitest";
import { outputOf } from "./node-io.ts";

test.for<readonly [stream: object, size: readonly [number, number], reason: string]>([
  [{ isTTY: true, columns: 120, rows: 50 }, [120, 50], "a terminal"],
  [{ isTTY: true, columns: 0, rows: 0 }, [80, 24], "one that does not know its size"],
  [{}, [80, 24], "none"],
])("outputOf() of %j is %j: %s", ([stream, size]) => {
  // What is asked of a stream here.
  const output = outputOf({ ...stream, on: () => {} } as unknown as WriteStream, { rejects: false });
  expect([output.columns, output.rows]).toEqual(size);
  expect(output.isTTY).toBe("isTTY" in stream);
});
