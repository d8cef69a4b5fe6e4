import { expect, test } from "vitest";
import { tableText } from "./table.ts";

test("tableText() pads every cell as Go's tabwriter does, with the reference's settings", () => {
  // tabwriter.NewWriter(os.Stdout, 8, 8, 4, ' ', 0), "DIGEST\tSIZE\t\nsha256:0123456789\t7\t\nä\t12345\t\n"
  expect(
    tableText([
      ["DIGEST", "SIZE"],
      ["sha256:0123456789", "7"],
      ["ä", "12345"],
    ]),
  ).toBe("DIGEST               SIZE     \nsha256:0123456789    7        \nä                    12345    \n");
  expect(tableText([["A", ""]])).toBe("A       " + "        \n");
});

test("tableText() lets nothing through that a terminal would obey", () => {
  expect(tableText([["a\u001b[31m"]])).not.toContain("\u001b");
});
