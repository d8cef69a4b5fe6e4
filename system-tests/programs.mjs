// Starts and runs the programs that system tests talk to.
import { spawn } from "node:child_process";
import { createServer, connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** A port of the loopback interface that nobody listens on now. */
export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/**
 * Runs a program to its end.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env?: Record<string, string>, cwd?: string, timeoutMs?: number, stdin?: string, onStart?: (child: import("node:child_process").ChildProcess) => void }} [options]
 * @returns {Promise<{ code: number | string, stdout: Buffer, stderr: string, milliseconds: number }>} `code` is the signal's name where one ended it
 */
export async function run(command, args, options = {}) {
  const began = performance.now();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    timeout: options.timeoutMs ?? 120_000,
  });
  child.stdin.on("error", () => {});
  child.stdin.end(options.stdin ?? "");
  const stdout = [];
  const stderr = [];
  child.stdout.on("data", (chunk) => stdout.push(chunk));
  child.stderr.on("data", (chunk) => stderr.push(chunk));
  options.onStart?.(child);
  const code = await new Promise((done, fail) => {
    child.on("error", fail);
    child.on("close", (status, signal) => done(status ?? signal));
  });
  return {
    code,
    stdout: Buffer.concat(stdout),
    stderr: Buffer.concat(stderr).toString(),
    milliseconds: performance.now() - began,
  };
}

/** As `run`, for programs that must succeed: returns what they print. */
export async function output(command, args, options) {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}: ${stderr || stdout}`);
  return stdout.toString();
}

/**
 * Starts a program and waits until it accepts connections on `port`.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {number} port
 * @returns {Promise<{ log(): string, stop(): Promise<void> }>}
 */
export async function startServer(command, args, port, env = {}) {
  const program = startProgram(command, args, env);
  const deadline = performance.now() + 20_000;
  while (!(await accepts(port))) {
    if (program.ended() !== undefined) throw new Error(`${command} ${program.ended()}: ${program.log()}`);
    if (performance.now() > deadline) throw new Error(`${command} does not listen on ${port}: ${program.log()}`);
    await delay(50);
  }
  return program;
}

/**
 * Starts a program that goes on until it is stopped.
 * @param {string} command
 * @param {readonly string[]} args
 * @returns `log`: what it has printed; `ended`: how it ended, where it has
 */
export function startProgram(command, args, env = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  /** @type {{ how?: string }} */
  const end = {};
  child.stdout.on("data", (chunk) => (log += chunk));
  child.stderr.on("data", (chunk) => (log += chunk));
  child.on("error", (error) => (end.how = error.message));
  child.on("exit", (code, signal) => (end.how = `ended with ${code ?? signal}`));
  return {
    log: () => log,
    ended: () => end.how,
    async stop() {
      if (end.how !== undefined) return;
      const gone = new Promise((done) => child.once("exit", done));
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 3000);
      await gone;
      clearTimeout(timer);
    },
  };
}

function accepts(port) {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => done(true)).once("error", () => done(false));
    socket.once("connect", () => socket.destroy());
  });
}
