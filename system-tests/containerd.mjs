// containerd 2.4 with its data below a folder of the test's own: no runtime, no CRI, one snapshotter.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { output, startProgram } from "./programs.mjs";

/** What a pull does not need, and some machines cannot do. */
const DISABLED = [
  "io.containerd.cri.v1.images",
  "io.containerd.cri.v1.runtime",
  "io.containerd.grpc.v1.cri",
  "io.containerd.internal.v1.opt",
  "io.containerd.nri.v1.nri",
  "io.containerd.podsandbox.controller.v1.podsandbox",
  ...["blockfile", "btrfs", "devmapper", "erofs", "zfs"].map((name) => `io.containerd.snapshotter.v1.${name}`),
];

/**
 * Starts containerd and waits until it answers.
 * @param {string} folder
 */
export async function startContainerd(folder) {
  mkdirSync(folder, { recursive: true });
  // Sockets have short names, and the folder's may be long.
  const sockets = mkdtempSync(join(tmpdir(), "ctd-"));
  const address = join(sockets, "containerd.sock");
  const config = [
    "version = 3",
    `root = ${JSON.stringify(join(folder, "root"))}`,
    `state = ${JSON.stringify(join(folder, "state"))}`,
    `temp = ${JSON.stringify(join(folder, "temp"))}`,
    `disabled_plugins = ${JSON.stringify(DISABLED)}`,
    "[grpc]",
    `address = ${JSON.stringify(address)}`,
    "[ttrpc]",
    `address = ${JSON.stringify(join(sockets, "ttrpc.sock"))}`,
    // What the reference puts into the content store is not kept from the collector when its image is pulled once more.
    `[plugins."io.containerd.gc.v1.scheduler"]`,
    `startup_delay = "24h"`,
    `schedule_delay = "24h"`,
  ];
  const path = join(folder, "config.toml");
  writeFileSync(path, `${config.join("\n")}\n`);
  const server = startProgram("containerd", ["--config", path]);
  const deadline = performance.now() + 30_000;
  const ctr = (...args) => output("ctr", ["--address", address, ...args], { timeoutMs: 180_000 });
  for (;;) {
    try {
      await ctr("version");
      break;
    } catch (error) {
      if (server.ended() !== undefined) throw new Error(`containerd ${server.ended()}: ${server.log()}`);
      if (performance.now() > deadline)
        throw new Error(`containerd does not answer: ${error.message}; ${server.log()}`);
      await delay(100);
    }
  }
  return {
    address,
    ctr,
    async stop() {
      await server.stop();
      // What it has mounted for itself stays mounted.
      const mounted = readFileSync("/proc/self/mounts", "utf8").split("\n");
      const places = mounted.map((line) => line.split(" ")[1] ?? "").filter((place) => place.startsWith(`${folder}/`));
      for (const place of places.toReversed()) await output("umount", [place]);
      rmSync(sockets, { recursive: true, force: true });
    },
  };
}
