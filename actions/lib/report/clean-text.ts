import type { Environment } from "../config/environment.ts";

const secretName = /KEY|SECRET|PASS|TOKEN|WEBHOOK|_URL$|_DSN$/;
const address = /[\p{L}\p{N}._%+'-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu;
/** Shorter values are words like `true` or `us-east-1`; what is secret is longer. */
const shortestSecret = 8;

/**
 * The last net under everything that is committed or sent: our messages name objects only, but a name can be anything. Takes
 * out what looks like an address of a person and whatever the environment holds under a name that says secret.
 */
export function cleaner(env: Environment): (text: string) => string {
  const secrets = Object.entries(env)
    .flatMap(([name, value]) => (secretName.test(name) && value !== undefined ? partsOf(value) : []))
    .filter((value) => value.length >= shortestSecret)
    .sort((a, b) => b.length - a.length);
  return (text) =>
    secrets.reduce((said, secret) => said.replaceAll(secret, "[secret]"), text).replaceAll(address, "[address]");
}

/** A value, its lines (an armored key has many), and the password of a URL, as it stands there and decoded. */
function partsOf(value: string): string[] {
  const lines = value.includes("\n") ? value.split("\n").map((line) => line.trim()) : [];
  const parts = [value, ...lines.filter((line) => line.length >= 24 && !line.startsWith("-----"))];
  if (!URL.canParse(value)) return parts;
  const { password } = new URL(value);
  return [...parts, password, decoded(password)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The same document with every text in it cleaned, keys apart. */
export function cleanDocument<Document>(document: Document, clean: (text: string) => string): Document {
  const visit = (value: unknown): unknown => {
    if (typeof value === "string") return clean(value);
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, visit(inner)]));
  };
  // The shape is the same; only texts have changed.
  return visit(document) as Document;
}
