import { ConfigurationError } from "../base/errors.ts";

/** The Management API has understood a request and will not do it: nothing was done, and asking again changes nothing. */
export class ApiRefusal extends ConfigurationError {
  /** HTTP status, 400 to 499. */
  readonly status: number;
  /** The API's own words, cleaned; empty where it says nothing. Part of `message`. */
  readonly said: string;
  /** Permissions that a scoped token lacks, by Supabase's names; empty where the API names none. */
  readonly missingPermissions: readonly string[];

  constructor(code: string, message: string, next: string, facts: RefusalFacts) {
    super(code, message, next);
    this.status = facts.status;
    this.said = facts.said;
    this.missingPermissions = facts.missingPermissions;
  }
}

interface RefusalFacts {
  readonly status: number;
  readonly said: string;
  readonly missingPermissions: readonly string[];
}

interface RefusedRequest {
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  readonly status: number;
  /** The answer, as it came: it is not trusted. */
  readonly text: string;
  /** What must not be repeated: texts of the request that may be secret. */
  readonly secrets: readonly string[];
}

/**
 * What a refusal means, with what to do about it. Pure.
 *
 * Codes: `api-token` (401), `api-plan` (402), `api-denied` (403), `api-missing` (404), `api-refused` (every other status).
 */
export function refusalOf({ method, path, status, text, secrets }: RefusedRequest): ApiRefusal {
  const answer = parsed(text);
  const said = cleaned(wordsOf(answer), secrets);
  const missingPermissions = permissionsOf(answer);
  const [code, next] = meaningOf(status, missingPermissions);
  const words = said === "" ? "" : `: ${said}`;
  const message = `Supabase's Management API refuses ${method} ${path} (status ${status})${words}${/[.!?]$/.test(words) ? "" : "."}`;
  return new ApiRefusal(code, message, next, { status, said, missingPermissions });
}

function meaningOf(status: number, missing: readonly string[]): [code: string, next: string] {
  switch (status) {
    case 401:
      return [
        "api-token",
        "The token is unknown or has expired. Make a new one (dashboard, Account, Access Tokens) and set SUPABASE_ACCESS_TOKEN.",
      ];
    case 402:
      return ["api-plan", "The organisation's plan or quota does not allow it: see its billing page in the dashboard."];
    case 403:
      return [
        "api-denied",
        missing.length === 0
          ? "Give the token's account the right for it, or unset SUPABASE_ACCESS_TOKEN."
          : `Make a token that also has: ${missing.join(", ")}. Scopes of a token cannot be changed later.`,
      ];
    case 404:
      return ["api-missing", "There is no such thing for this token: check the project's ref, and whose token it is."];
    default:
      return ["api-refused", "Change what the API objects to, then run again."];
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** NestJS answers with `message`, a text or a list of them; the gateway before it with `error` or `msg`. */
function wordsOf(answer: Readonly<Record<string, unknown>>): string {
  for (const value of [answer["message"], answer["msg"], answer["error"]]) {
    if (typeof value === "string") return value;
    if (Array.isArray(value)) return value.filter((one) => typeof one === "string").join("; ");
  }
  return "";
}

function permissionsOf(answer: Readonly<Record<string, unknown>>): string[] {
  const list = answer["missing_permissions"];
  if (!Array.isArray(list)) return [];
  return list.filter((one): one is string => typeof one === "string" && /^[a-z][\w:.-]{1,60}$/i.test(one)).slice(0, 20);
}

const longest = 300;
/** Tokens, keys, JWTs and connection strings, whoever's they are. */
const secretForms = /\bsbp?_[\w-]{8,}|\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|\bpostgres(?:ql)?:\/\/\S+/g;

const onOneLine = (text: string): string => text.replaceAll(/[\p{C}\s]+/gu, " ").trim();

/**
 * Words of a stranger: one line, no control or direction characters, no secret, not long. A secret of several lines (a key in PEM) may be
 * repeated on one, or as JSON writes it. Only what is without secrets is cut: half a secret is not found.
 */
function cleaned(words: string, secrets: readonly string[]): string {
  let text = onOneLine(words);
  const forms = secrets.flatMap((secret) => [onOneLine(secret), onOneLine(JSON.stringify(secret).slice(1, -1))]);
  // The longest first: one may be a part of another.
  for (const form of forms.toSorted((a, b) => b.length - a.length))
    if (form.length > 3) text = text.replaceAll(form, "…");
  text = text.slice(0, 4000).replaceAll(secretForms, "…").trim();
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}

/** Texts of a request's body that no message may repeat: every one of 8 characters or more under a name that sounds like a secret. Pure. */
export function secretsIn(body: unknown, named = false, depth = 0): string[] {
  if (typeof body === "string") return named && body.length >= 8 ? [body] : [];
  if (typeof body !== "object" || body === null || depth > 8) return [];
  return Object.entries(body).flatMap(([name, value]) =>
    secretsIn(value, named || /pass|secret|key|token|jwk|jwt|value|^d$|^k$/i.test(name), depth + 1),
  );
}
