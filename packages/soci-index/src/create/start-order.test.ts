import { expect, test } from "vitest";
import { StartOrder } from "./start-order.ts";

test("StartOrder lets tasks go on in their order, which look at the same time", async () => {
  const order = new StartOrder();
  const log: string[] = [];
  const task = async (name: string, ms: number): Promise<void> => {
    const found = await order.after(async () => {
      log.push(`look ${name}`);
      await new Promise((resolve) => void setTimeout(resolve, ms));
      if (name === "b") throw new Error(name);
      return name;
    });
    log.push(`go ${found}`);
  };
  const settled = await Promise.allSettled([task("a", 20), task("b", 5), task("c", 10), task("d", 0)]);
  expect(log).toEqual(["look a", "look b", "look c", "look d", "go a", "go c", "go d"]);
  expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
});
