import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { motoFolder } from "../../../scripts/setup/moto.mjs";
import { startGuardian } from "./guardian.ts";
import { freePorts } from "./ports.ts";
import { type S3Access, s3Access } from "./s3.ts";

/** moto: its S3 knows storage classes, lifecycle rules and restores, with the states that the real API shows; IAM and CloudFormation beside it. */
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
      standInForModules(home);
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

/** Modules that moto imports and never uses here: certificates, compiled for each Python, and descriptions of APIs. */
const stoodInFor = [
  "cryptography/exceptions",
  "cryptography/hazmat/_oid",
  "cryptography/hazmat/backends",
  "cryptography/hazmat/primitives/_asymmetric",
  "cryptography/hazmat/primitives/asymmetric/ed25519",
  "cryptography/hazmat/primitives/asymmetric/rsa",
  "cryptography/hazmat/primitives/ciphers",
  "cryptography/hazmat/primitives/hashes",
  "cryptography/x509/oid",
  "openapi_spec_validator/validation/exceptions",
];

/** Whatever is taken from it, called, or written into a type is itself. */
const standIn = `class Stand:
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self
    def __call__(self, *args, **kwargs):
        return self
    def __or__(self, other):
        return self
    __ror__ = __or__

def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return Stand()
`;

/** moto's accounts and its CloudFormation import more than they need: something empty stands in. */
function standInForModules(home: string): void {
  for (const path of stoodInFor) {
    const parts = path.split("/");
    mkdirSync(join(home, path), { recursive: true });
    for (const [place] of parts.entries())
      writeFileSync(join(home, ...parts.slice(0, place + 1), "__init__.py"), standIn);
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
