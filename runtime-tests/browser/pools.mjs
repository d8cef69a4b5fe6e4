// Runs in a page that a bundler made: builds zTOCs and decodes spans on Web Workers, whose files the bundler has to find.
import { checkBuildPool } from "../build-checks.mjs";
import { summary } from "../check.mjs";
import "../decoders.mjs";

await checkBuildPool();
summary();
document.title = "done";
