import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { motoFolder } from "../../../scripts/setup/moto.mjs";
import { startGuardian } from "./guardian.ts";
import { freePorts } from "./ports.ts";
import { type S3Access, s3Access } from "./s3.ts";

/** moto's S3: it knows storage classes, lifecycle rules and restores, with the states that the real API shows. */
export interface RunningGlacier extends S3Access {
  /**
   * How a restore goes on from now on: `now`, or under way until it has been looked at so many times.
   */
  restoresTake(looks: number | "now"): Promise<void>;
  stop(): Promise<void>;
}

export async function startGlacier(): Promise<RunningGlacier> {
  const guardian = startGuardian("glacier");
  try {
    for (let attempt = 1; ; attempt += 1) {
      const [port = 0] = await freePorts(1);
      const logFile = join(guardian.folder, `server-${attempt}.log`);
      const home = join(guardian.folder, "home");
      mkdirSync(home, { recursive: true });
      standInForCryptography(home);
      const log = openSync(logFile, "a");
      const server = spawn("python3", ["-S", "-m", "moto.server", "-H", "127.0.0.1", "-p", String(port)], {
        cwd: home,
        detached: true,
        env: {
          PATH: process.env["PATH"],
          HOME: home,
          PYTHONPATH: [motoFolder(), home].join(delimiter),
          PYTHONDONTWRITEBYTECODE: "1",
        },
        stdio: ["ignore", log, log],
      });
      guardian.watch(server.pid ?? 0, "KILL");
      const endpoint = `http://127.0.0.1:${port}`;
      if (await answers(`${endpoint}/moto-api/data.json`, () => server.exitCode !== null)) {
        server.unref();
        const facts = { endpoint, accessKeyId: "LAB", secretAccessKey: "secret", region: "us-east-1" };
        return {
          ...s3Access(facts),
          restoresTake: (looks) => setTransition(endpoint, looks),
          stop: () => guardian.finish(),
        };
      }
      if (attempt === 3) throw new Error(`moto did not start:\n${readFileSync(logFile, "utf8").slice(-2000)}`);
    }
  } catch (error) {
    await guardian.finish();
    throw error;
  }
}

/**
 * moto's accounts import `cryptography`, for certificates that nobody here makes: a compiled package for each Python, so an
 * empty one stands in.
 */
function standInForCryptography(home: string): void {
  const modules = ["x509", "hazmat", "hazmat/backends", "hazmat/primitives", "hazmat/primitives/asymmetric"];
  for (const module of ["", ...modules]) {
    const folder = join(home, "cryptography", module);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "__init__.py"), "def __getattr__(name):\n    return None\n");
  }
}

async function answers(url: string, ended: () => boolean): Promise<boolean> {
  for (let waited = 0; waited < 60_000 && !ended(); waited += 100) {
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok === true) return true;
    await sleep(100);
  }
  return false;
}

async function setTransition(endpoint: string, looks: number | "now"): Promise<void> {
  const transition = looks === "now" ? { progression: "immediate" } : { progression: "manual", times: looks };
  const body = JSON.stringify({ model_name: "s3::keyrestore", transition });
  const answer = await fetch(`${endpoint}/moto-api/state-manager/set-transition`, { method: "POST", body });
  if (!answer.ok) throw new Error(`moto refuses the transition (${answer.status})`);
}
