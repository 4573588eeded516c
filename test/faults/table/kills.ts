import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { compileCache } from "../../runner/compile-cache.ts";
import type { Matching } from "../proxy/http-faults.ts";
import type { HttpFaultProxy } from "../proxy/http-proxy.ts";

/** `npm run faults -- --nightly` kills at many random moments, also where `npm test` knows the moments that matter. */
export const nightly = process.env["LIFEBOAT_FAULT_KILLS"] !== undefined;

/** How many processes are killed at random moments, of all kinds together. */
export const wantedKills = Number(process.env["LIFEBOAT_FAULT_KILLS"] ?? "50");

/**
 * Milliseconds that so many kills may take: two minutes each, the whole run after it included. On two idle cores it is a few
 * seconds, on two that twenty others use half a minute and more; 500 in a night would outlast any fixed hour.
 */
export const killLimit = (kills: number): number => 600_000 + kills * 120_000;

export type Environment = Readonly<Record<string, string>>;

function start(runner: string, env: Environment) {
  const child = spawn(process.execPath, [runner], {
    env: { ...compileCache, ...env },
    stdio: ["ignore", "pipe", "ignore"],
  });
  return { child, ended: once(child, "close") };
}

/** Starts a runner; resolves when its own code runs, so that no kill is wasted on loading modules. */
async function begin(runner: string, env: Environment): Promise<{ child: ChildProcess; ended: Promise<unknown[]> }> {
  const { child, ended } = start(runner, env);
  await Promise.race([once(child.stdout, "data"), ended]);
  return { child, ended };
}

/** Milliseconds of a run that nobody kills. @throws when it does not succeed */
export async function complete(runner: string, env: Environment): Promise<number> {
  const begun = performance.now();
  const { ended } = await begin(runner, env);
  const [code, signal] = await ended;
  if (code !== 0) throw new Error(`A run that nobody killed ended with ${String(code ?? signal)}.`);
  return performance.now() - begun;
}

/**
 * The writes of a run that nobody kills, each kind of request once. What a killed run leaves behind is what it has written:
 * whatever happens between two writes, dying behind the one and before the next are the same.
 */
export async function writesOf(
  runner: string,
  env: Environment,
  store: HttpFaultProxy,
): Promise<Map<string, Matching>> {
  const from = store.passed.length;
  await complete(runner, env);
  const writes = store.passed.slice(from).filter(({ method }) => method !== "GET" && method !== "HEAD");
  const kindOf = (url: string) =>
    url.replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}|\d{8}T\d{6}Z-[\da-f]{8}/g, "*");
  return new Map(
    writes.map(({ method, url: written }) => {
      const kind = kindOf(written);
      return [`${method} ${kind}`, { method, url: { test: (url) => kindOf(url) === kind } }];
    }),
  );
}

/** Kills a run when the store has carried out the first of its requests like `write`. */
export async function killBehind(
  write: Matching,
  runner: string,
  env: Environment,
  store: HttpFaultProxy,
): Promise<"killed" | "ended"> {
  const { child, ended } = await begin(runner, env);
  const trap = store.loseAnswer(write, () => child.kill("SIGKILL"));
  const [code] = await ended;
  trap.remove();
  return code === 0 ? "ended" : "killed";
}

/** Kills a run that says what it begins with, when it begins with `stage`. */
export async function killInStage(
  stage: string,
  runner: string,
  env: Environment,
  signal: NodeJS.Signals,
): Promise<"killed" | "ended"> {
  const { child, ended } = start(runner, env);
  let said = "";
  child.stdout.on("data", (chunk) => {
    said += chunk;
    if (said.includes(`\n${stage}\n`)) child.kill(signal);
  });
  const [code] = await ended;
  return code === 0 ? "ended" : "killed";
}

/**
 * Kills a run at a moment of its first `within` ms.
 * @param share of them that passes before; default: a random one
 * @returns whether it was killed, or had ended well before
 */
export async function killSomewhere(
  runner: string,
  env: Environment,
  signal: NodeJS.Signals,
  within: number,
  share = Math.random(),
): Promise<"killed" | "ended"> {
  const { child, ended } = await begin(runner, env);
  await delay(share * within);
  child.kill(signal);
  const [code] = await ended;
  return code === 0 ? "ended" : "killed";
}
