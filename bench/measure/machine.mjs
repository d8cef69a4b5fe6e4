import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, type } from "node:os";

/** System, processor and day, for the head of a table. */
export function describeMachine() {
  const model = cpus()[0]?.model.trim() ?? "an unknown processor";
  const day = new Date().toISOString().slice(0, 10);
  return `${systemName()}, ${availableParallelism()} cores (${model}), ${day}`;
}

function systemName() {
  try {
    return /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))[1];
  } catch {
    return `${type()} ${release()}`;
  }
}
