import type { Log } from "../base/log.ts";
import { heartbeatSetting, readHeartbeat } from "../config/channels.ts";
import { type Environment, optional } from "../config/environment.ts";
import { Problems } from "../config/problems.ts";
import { type Beat, beat } from "../notify/channel.ts";
import type { Names } from "../operations/catalogue.ts";

export interface Watched {
  readonly env: Environment;
  readonly log: Log;
  readonly names: Names;
  /** Which of several works of the operation it is; see `Reported`. */
  readonly aside?: string | undefined;
}

/** One request of at most three seconds to the operation's heartbeat, if it has one. @returns whether it was heard, or had none */
export async function heartbeat(operation: string, what: Beat, { env, log, names, aside }: Watched): Promise<boolean> {
  if (!names.watched.includes(operation)) return true;
  const own = aside === undefined ? operation : `${operation}-${aside}`;
  const shared = own !== operation && optional(env, heartbeatSetting(own)) === undefined;
  if (shared && what !== "fail") return true;
  const problems = new Problems();
  const url = readHeartbeat(env, shared ? operation : own, problems);
  for (const { setting, text } of problems.list()) log.warn(`The heartbeat is not sent: ${setting} ${text}`);
  if (url === undefined) return problems.list().length === 0;
  const failure = await beat(url, what, 3000);
  if (failure !== undefined) log.warn(`The heartbeat (${what}) could not be sent: ${failure}.`);
  return failure === undefined;
}
