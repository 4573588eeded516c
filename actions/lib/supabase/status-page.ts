import { z } from "zod";
import { boundedFetch } from "../base/bounded-answer.ts";
import { ConfigurationError } from "../base/errors.ts";
import { type Environment, isEncrypted, optional } from "../config/environment.ts";

/** What Supabase says in public about its own troubles. It says so late, and not of single projects: it decides nothing. */
export type PublicStatus =
  | {
      readonly known: true;
      readonly summary: string;
      readonly troubles: readonly string[];
      /** The page's own word is major or critical. */
      readonly severe: boolean;
    }
  /** The page could not be read, which says nothing about the project. */
  | { readonly known: false; readonly why: string };

const summarySchema = z.object({
  status: z.object({ indicator: z.string(), description: z.string() }),
  incidents: z.array(z.object({ name: z.string(), impact: z.string() })).default([]),
  components: z.array(z.object({ name: z.string(), status: z.string() })).default([]),
});

const longest = 200;
const mostTroubles = 10;

/** SUPABASE_STATUS_URL, else Supabase's own. @throws ConfigurationError `status-url` */
export function statusPageOf(env: Environment): string {
  const url = (optional(env, "SUPABASE_STATUS_URL") ?? "https://status.supabase.com").trim().replace(/\/+$/, "");
  if (isEncrypted(url)) return url;
  throw new ConfigurationError("status-url", "SUPABASE_STATUS_URL is no https address.", "Correct it, or unset it.");
}

/**
 * Reads the page's summary (Statuspage's public API, `/api/v2/summary.json`). Never fails and takes five seconds at most: nothing waits
 * for it.
 */
export async function readPublicStatus(url: string, signal?: AbortSignal): Promise<PublicStatus> {
  const limit = AbortSignal.timeout(5000);
  try {
    const init = {
      redirect: "error",
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
    } as const;
    const answer = await boundedFetch(`${url}/api/v2/summary.json`, init, 4 * 1024 * 1024);
    if (!answer.ok) return { known: false, why: `it answers with status ${answer.status}` };
    return publicStatusOf(await answer.json());
  } catch {
    signal?.throwIfAborted();
    return { known: false, why: limit.aborted ? "it does not answer in time" : "it cannot be read" };
  }
}

/** Pure. @param document as it came: it is not trusted */
export function publicStatusOf(document: unknown): PublicStatus {
  const read = summarySchema.safeParse(document);
  if (!read.success) return { known: false, why: "it answers in an unknown form" };
  const { status, incidents, components } = read.data;
  const short = (text: string): string => (text.length > longest ? `${text.slice(0, longest)}…` : text);
  const troubles = [
    ...incidents.map(({ name, impact }) => `${name} (${impact})`),
    ...components.filter((one) => one.status !== "operational").map((one) => `${one.name}: ${one.status}`),
  ];
  const severe = status.indicator === "major" || status.indicator === "critical";
  return {
    known: true,
    summary: short(status.description),
    troubles: troubles.slice(0, mostTroubles).map(short),
    severe,
  };
}
