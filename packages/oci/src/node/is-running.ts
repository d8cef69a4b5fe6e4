import { hostErrorCode } from "./replace-file.ts";

/** Whether a process of this machine is running, whoever's it is. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, as somebody else.
    return hostErrorCode(error) !== "ESRCH";
  }
}
