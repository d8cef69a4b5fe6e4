// Runs the built command as a user does.
import { fileURLToPath } from "node:url";
import { run } from "./programs.mjs";

export const SOCIKIT = fileURLToPath(new URL("../packages/cli/dist/bin.js", import.meta.url));

/**
 * Runs `socikit` with arguments; nothing of the machine's own Docker configuration is seen unless `env` names it.
 * @param {readonly string[]} args
 * @param {Parameters<typeof run>[2]} [options]
 */
export function socikit(args, options = {}) {
  return run(process.execPath, [SOCIKIT, ...args], {
    ...options,
    env: { DOCKER_CONFIG: "/nonexistent", NO_COLOR: "1", ...options.env },
  });
}
