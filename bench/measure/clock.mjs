import { performance } from "node:perf_hooks";

/**
 * Starts a clock that is read by calling what it answers, in milliseconds. "wall" is the time that passes; "cpu" what
 * all threads of this process took of the processors, for a machine that is not quiet.
 */
export function startClock(kind) {
  if (kind === "wall") {
    const began = performance.now();
    return () => performance.now() - began;
  }
  const began = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(began);
    return (user + system) / 1000;
  };
}
