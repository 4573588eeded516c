import { boundedFetch } from "../base/bounded-answer.ts";
import type { Secret } from "../config/problems.ts";
import { failureOf } from "./channel.ts";

export type Beat = "start" | "success" | "fail";

/**
 * Tells a watcher outside of GitHub, healthchecks-style: `<url>/start`, `<url>`, `<url>/fail`. When GitHub is silent, nobody
 * tells it, and it raises the alarm.
 * @returns why it could not be told, or undefined
 */
export async function beat(url: Secret, what: Beat, milliseconds: number): Promise<string | undefined> {
  const address = new URL(url.reveal());
  if (what !== "success") address.pathname = `${address.pathname.replace(/\/$/, "")}/${what}`;
  try {
    // GET is what every such service takes.
    const answer = await boundedFetch(address, { signal: AbortSignal.timeout(milliseconds), redirect: "follow" });
    await answer.arrayBuffer();
    return answer.ok ? undefined : `http_${answer.status}`;
  } catch (error) {
    return failureOf(error).reason;
  }
}
