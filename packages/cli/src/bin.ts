#!/usr/bin/env node
import { main } from "./main.ts";
import { interruptSignal } from "./node/interrupt-signal.ts";
import { nodeIo } from "./node/node-io.ts";

const code = await main(process.argv.slice(2), nodeIo(interruptSignal()));
// Not by process.exitCode: a socket that a peer holds half open would keep the process. All output was awaited.
process.exit(code);
