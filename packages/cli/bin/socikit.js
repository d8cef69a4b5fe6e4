#!/usr/bin/env node
// Stands outside dist so that `npm ci` links it before anything is built.
import * as module from "node:module";

// Node 22.8 and later keep what they have compiled, in a folder of the temporary one that is the user's own. Asked for before the
// command is loaded, hence no import statement. NODE_DISABLE_COMPILE_CACHE=1 turns it off.
module.enableCompileCache?.();
await import("../dist/bin.js");
