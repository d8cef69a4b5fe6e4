#!/usr/bin/env node
import { main } from "./main.ts";
import { interruptSignal } from "./node/interrupt-signal.ts";
import { nodeIo } from "./node/node-io.ts";

/** What Node exits with where the answer awaited below can no longer come. */
const UNSETTLED = 13;
process.on("exit", (code) => {
  if (code !== UNSETTLED) return;
  process.stderr.write("socikit: it ended without an answer, which is a fault of socikit: please report it\n");
  process.exitCode = 1;
});

const code = await main(process.argv.slice(2), nodeIo(interruptSignal()));
// Not by process.exitCode: a socket that a peer holds half open would keep the process. All output was awaited.
process.exit(code);
