import { errorCode } from "../../../base/errors.ts";
import { runProgram } from "../../../base/flow/program.ts";
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

/** Runs a program, see `runProgram`. */
export async function runCommandCheck(check: CommandCheck, env: Environment, signal?: AbortSignal): Promise<Answer> {
  const missing = check.env.find((name) => optional(env, name) === undefined);
  if (missing !== undefined) return notRun(`${missing} is not set`);
  const end = await runProgram(check, env, signal);
  if (end === "done") return passed("exit code 0");
  return end === "late" ? timedOut(check.timeoutSeconds) : failed(end.failed);
}
