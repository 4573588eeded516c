import { spawn } from "node:child_process";
import { errorCode } from "../../../base/errors.ts";
import { type Environment, optional } from "../../../config/environment.ts";
import type { CommandCheck, HttpCheck } from "../../../config/policy/restore-test.ts";
import { type Answer, failed, notRun, passed, timedOut } from "./check.ts";

const maxBytes = 4 * 1024 * 1024;

/** Where requests go, and where header values are looked up. */
export interface HttpPlace {
  /** Name of the variable that holds the API's address, e.g. `STAGING_API_URL`. */
  readonly variable: string;
  readonly env: Environment;
}

/** Asks the staging project's API. Nothing of the answer is kept. */
export async function runHttpCheck(check: HttpCheck, { variable, env }: HttpPlace): Promise<Answer> {
  const base = optional(env, variable);
  if (base === undefined) return notRun(`${variable} is not set`);
  if (!URL.canParse(base)) return notRun(`${variable} is not a URL`);
  const headers = new Headers();
  for (const [name, value] of Object.entries(check.headers)) {
    const text = typeof value === "string" ? value : optional(env, value.env);
    if (text === undefined) return notRun(`${typeof value === "string" ? name : value.env} is not set`);
    headers.set(name, typeof value === "string" ? text : `${value.prefix ?? ""}${text.trim()}`);
  }
  if (check.body !== undefined) headers.set("content-type", "application/json");
  const signal = AbortSignal.timeout(check.timeoutSeconds * 1000);
  try {
    const answer = await fetch(base.replace(/\/+$/, "") + check.path, {
      method: check.method,
      headers,
      body: check.body === undefined ? null : JSON.stringify(check.body),
      redirect: "manual",
      signal,
    });
    return judgeAnswer(check.expect, answer.status, await textOf(answer));
  } catch (error) {
    if (signal.aborted) return timedOut(check.timeoutSeconds);
    const cause = error instanceof Error ? error.cause : undefined;
    return failed(`the API could not be reached (${errorCode(cause) ?? errorCode(error) ?? "no code"})`);
  }
}

/** Undefined when it is longer than a check should look at. */
async function textOf(answer: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Pure. */
export function judgeAnswer(expect: HttpCheck["expect"], status: number, body: string | undefined): Answer {
  if (status !== expect.status) return failed(`status ${status} instead of ${expect.status}`);
  if (expect.json.length === 0) return passed(`status ${status}`);
  if (body === undefined) return failed("the answer is longer than 4 MiB");
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return failed(`status ${status}, but the answer is no JSON`);
  }
  for (const { path, equals, length } of expect.json) {
    const place = path.length === 0 ? "the answer" : path.join(".");
    const found = path.reduce<unknown>(stepInto, json);
    if (found === undefined) return failed(`${place} is not in the answer`);
    if (equals !== undefined && found !== equals) return failed(`${place} has another value`);
    if (length !== undefined && (!Array.isArray(found) || found.length !== length)) {
      return failed(`${place} is no list of ${length}`);
    }
  }
  return passed(`status ${status}, ${expect.json.length} of ${expect.json.length} places as expected`);
}

function stepInto(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}

const graceMs = 5000;

/**
 * Runs a program without a shell, in the current folder, with PATH, HOME, TMPDIR and the variables that the check names and
 * no others. What it prints is thrown away. When its time is over, it and all that it has started are ended.
 */
export async function runCommandCheck(check: CommandCheck, env: Environment, signal?: AbortSignal): Promise<Answer> {
  const given: Record<string, string> = {};
  for (const name of ["PATH", "HOME", "TMPDIR", ...check.env]) {
    const value = optional(env, name);
    if (value !== undefined) given[name] = value;
    else if (check.env.includes(name)) return notRun(`${name} is not set`);
  }
  const [program = "", ...args] = check.argv;
  // A group of its own, so that whatever it has started ends with it.
  const child = spawn(program, args, { env: given, stdio: "ignore", detached: true });
  let late = false;
  const kill = (how: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, how);
    } catch {
      // All of them have ended.
    }
  };
  const end = (): void => {
    kill("SIGTERM");
    setTimeout(() => kill("SIGKILL"), graceMs).unref();
  };
  const timer = setTimeout(() => {
    late = true;
    end();
  }, check.timeoutSeconds * 1000);
  signal?.addEventListener("abort", end);
  try {
    return await new Promise<Answer>((resolve) => {
      child.on("error", (error) => resolve(failed(`it could not be started (${errorCode(error) ?? "no code"})`)));
      child.on("close", (code, by) => {
        if (late) resolve(timedOut(check.timeoutSeconds));
        else if (code === 0) resolve(passed("exit code 0"));
        else resolve(failed(code === null ? `ended by ${by}` : `exit code ${code}`));
      });
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
    kill("SIGKILL");
  }
}
