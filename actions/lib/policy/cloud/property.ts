/** One thing that can be other than it should be. */
export interface Property {
  /** What it is of and what it is, e.g. `bucket acme-db: versioning`. */
  readonly name: string;
  readonly level: "critical" | "warning";
  readonly wanted: unknown;
  readonly found: unknown;
  /** Why it could not be looked at. */
  readonly unknown?: string;
  /** What to do when it differs. */
  readonly next: string;
}

/** A property that differs, in words. */
export interface Drift {
  readonly name: string;
  readonly level: "critical" | "warning";
  readonly wanted: string;
  readonly found: string;
  readonly next: string;
}

export interface Compared {
  readonly drifts: readonly Drift[];
  readonly unknown: readonly { readonly name: string; readonly why: string }[];
  readonly looked: number;
}

export function compareProperties(properties: readonly Property[]): Compared {
  const asked = properties.filter((one) => one.unknown === undefined);
  return {
    drifts: asked
      .filter(({ wanted, found }) => canonical(wanted) !== canonical(found))
      .map(({ name, level, wanted, found, next }) => ({
        name,
        level,
        wanted: words(wanted),
        found: words(found),
        next,
      })),
    unknown: properties.flatMap(({ name, unknown }) => (unknown === undefined ? [] : [{ name, why: unknown }])),
    looked: asked.length,
  };
}

/** IAM and S3 write one value alone where a list of one was given, numbers as texts, and lists of texts in any order. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) {
    const [first] = value;
    if (value.length === 1) return canonical(first);
    const parts = value.map(canonical);
    return `[${(value.every((one) => typeof one === "string") ? parts.sort() : parts).join()}]`;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, each]) => each !== undefined);
    return `{${entries
      .map(([name, each]) => `${name}:${canonical(each)}`)
      .sort()
      .join()}}`;
  }
  return JSON.stringify(value === undefined ? null : String(value));
}

const mostCharacters = 160;

function words(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value) && value.length === 0) return "none";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > mostCharacters ? `${text.slice(0, mostCharacters)}…` : text;
}
