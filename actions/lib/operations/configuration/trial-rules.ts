import { z } from "zod";
import { countOf, few } from "../../base/measures.ts";
import type { PageTable } from "../../report/page.ts";
import type { CapturedFunction } from "../../supabase/configuration/document.ts";
import type { ProjectAnswer } from "../../supabase/project-api.ts";

/** One thing that was tried at the new project, and how it went. Never a value of a setting. */
export interface Trial {
  readonly what: string;
  readonly outcome: "verified" | "failed" | "not tried";
  /** What was asked and answered; for `not tried` the reason. */
  readonly why: string;
}

/** How `why` begins when the project could not be asked, so that it is not known whether it works. */
export const unasked = "it could not be asked";

/** Pure. */
export const isUnasked = ({ outcome, why }: Trial): boolean => outcome === "not tried" && why.startsWith(unasked);

/** For the page of a recovery, and of a drill. Pure. */
export function triedTable(trials: readonly Trial[]): PageTable {
  return {
    title: "Tried at the new project",
    header: ["what", "", "how"],
    rows: trials.map(({ what, outcome, why }) => [what, outcome === "failed" ? "FAILED" : outcome, why]),
  };
}

/** Nothing answers, or not in the form that the service has. */
const silent = "it does not answer";

/** The settings that Auth shows to everybody, `GET /settings` (supabase/auth internal/api/settings.go); more is passed over. */
const toldSchema = z.looseObject({ external: z.record(z.string(), z.unknown()) });

/** Where Auth shows a setting, by the name that the Management API has for it; undefined: it does not show it. */
function placeOf(field: string): readonly string[] | undefined {
  const provider = /^external_(\w+)_enabled$/.exec(field)?.[1];
  if (provider !== undefined) return ["external", provider];
  const [, same] = /^(disable_signup|mailer_autoconfirm|saml_enabled|sms_provider)$/.exec(field) ?? [];
  if (same !== undefined) return [same];
  return { sms_autoconfirm: ["phone_autoconfirm"], passkey_enabled: ["passkeys_enabled"] }[field];
}

/**
 * Compares what Auth itself says that it works by with what was put back: a setting that the Management API shows need not be in force.
 * Pure.
 * @param carried settings of auth that the new project has as the set has them, by the Management API's word
 */
export function judgeSettings(carried: ReadonlyMap<string, unknown>, answer: ProjectAnswer | undefined): Trial {
  const what = "settings of sign-in";
  const told = toldSchema.safeParse(answer?.json).data;
  if (answer === undefined || answer.status !== 200 || told === undefined)
    return { what, outcome: "failed", why: answer === undefined ? silent : refusal(answer) };
  const compared: string[] = [];
  const others: string[] = [];
  for (const [field, value] of carried) {
    const shown = placeOf(field)?.reduce<unknown>(memberOf, told);
    // Not every version tells of every provider.
    if (shown === undefined || (typeof value !== "boolean" && typeof value !== "string")) continue;
    (shown === value ? compared : others).push(field);
  }
  if (others.length > 0)
    return { what, outcome: "failed", why: `Auth does not work by ${few(others.sort(), 8)}, though it was put back` };
  if (compared.length === 0)
    return { what, outcome: "not tried", why: "none of the settings that Auth shows was put back" };
  return { what, outcome: "verified", why: `Auth works by ${countOf(compared.length, "setting")} that it shows` };
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

const jwksSchema = z.object({ keys: z.array(z.looseObject({ x: z.string().optional(), n: z.string().optional() })) });

/**
 * Whether the key that signs sessions is published for whoever checks them. Pure.
 * @param mark what tells the key from others: `x` or `n` of its public half
 * @param answer of `/.well-known/jwks.json`
 */
export function judgeSigningKey(mark: string, answer: ProjectAnswer | undefined): Trial {
  const what = "signing key";
  const keys = answer?.status === 200 ? jwksSchema.safeParse(answer.json).data?.keys : undefined;
  if (keys === undefined)
    return { what, outcome: "failed", why: answer === undefined ? silent : `no list of keys: ${refusal(answer)}` };
  return keys.some(({ x, n }) => (x ?? n) === mark)
    ? { what, outcome: "verified", why: "the lost project's key is among those that Auth publishes" }
    : { what, outcome: "failed", why: "it is in use, and Auth does not publish it: sessions would be refused" };
}

/** Said by the platform and not by the function (supabase.com/docs/guides/functions/error-codes). */
const platformFaults: Readonly<Record<string, string>> = {
  NOT_FOUND: "it is not deployed",
  NOT_FOUND_FUNCTION_BLOB: "it is listed, and its bundle is missing",
  BOOT_ERROR: "it does not start",
  WORKER_ERROR: "it starts and breaks",
  WORKER_LIMIT: "it starts and runs out of memory or time",
  IDLE_TIMEOUT: "it starts and does not answer in time",
};

/** How a function was asked: without a token; one that asks for none by OPTIONS, as a browser asks before every call. */
export function questionFor({ verifyJwt }: Pick<CapturedFunction, "verifyJwt">): "GET" | "OPTIONS" {
  return verifyJwt ? "GET" : "OPTIONS";
}

/** Of a function that is deployed behind a check of tokens. */
export const asksForToken = "it asks for a token, and its code was not run";

/** Whether a function is deployed as it was. Pure. */
export function judgeFunction(
  { slug, verifyJwt }: Pick<CapturedFunction, "slug" | "verifyJwt">,
  answer: ProjectAnswer | undefined,
): Trial {
  const what = `function ${slug}`;
  if (answer === undefined) return { what, outcome: "failed", why: silent };
  const { status, code } = answer;
  const fault = code === undefined ? undefined : platformFaults[code];
  if (fault !== undefined) return { what, outcome: "failed", why: `${fault} (${code})` };
  if (verifyJwt)
    return status === 401
      ? { what, outcome: "verified", why: asksForToken }
      : { what, outcome: "failed", why: `it should ask for a token, and answered with status ${status}` };
  if (status === 401 && code?.startsWith("UNAUTHORIZED"))
    return { what, outcome: "failed", why: "it should need no token, and asks for one" };
  // Without a code of the platform's they are its gateway's, or the function's own word: no proof that it starts.
  if ([404, 502, 503, 504, 540, 546].includes(status) || (status >= 520 && status <= 530))
    return { what, outcome: "failed", why: `it answered with status ${status}` };
  return { what, outcome: "verified", why: `it starts and answers (status ${status})` };
}

/** Status, and the platform's code where it gave one. */
export function refusal({ status, code }: ProjectAnswer): string {
  return `it answered with status ${status}${code === undefined ? "" : ` (${code})`}`;
}
