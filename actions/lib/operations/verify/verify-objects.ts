import { LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { few } from "../../base/measures.ts";
import { keysFileName, secretsFileName } from "../../seal/keys/session-key.ts";
import { stateOf } from "../../vault/bucket/thaw.ts";
import { manifestName, signatureName } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { ObjectHead } from "../../vault/s3/objects.ts";
import type { SignedSet } from "../../vault/sets/open-set.ts";

/** One thing that is not as it should be. `damage` makes the set unfit; a `warning` does not. */
export interface DamageFinding {
  readonly severity: "damage" | "warning";
  /** Artifact or object, below the set's prefix; or `set`. */
  readonly where: string;
  /** Stable kebab-case name of the problem. */
  readonly code: string;
  /** A sentence without its full stop; names objects of the database, never values. */
  readonly what: string;
}

export function damageAt(where: string, code: string, what: string): DamageFinding {
  return { severity: "damage", where, code, what };
}

export function warningAt(where: string, code: string, what: string): DamageFinding {
  return { severity: "warning", where, code, what };
}

/**
 * What an error says about the set. A store that could not be reached says nothing about it: such an error goes on.
 * @throws the error itself when it is no finding
 */
export function findingOf(error: unknown, where: string): DamageFinding {
  if (!(error instanceof LifeboatError)) throw error;
  const aboutTheStore = error.code.startsWith("s3-") && !["s3-missing", "s3-too-large"].includes(error.code);
  if (aboutTheStore) throw error;
  return damageAt(where, error.code, error.message.replace(/\.$/, ""));
}

export interface InspectedObjects {
  readonly findings: readonly DamageFinding[];
  /** Artifacts with an object that is archived and cannot be read now. */
  readonly frozen: ReadonlySet<string>;
}

/**
 * Looks at what lies below a set's prefix: objects that the manifest does not name, and objects that nothing keeps from
 * being deleted, and objects that are archived: of those, only the size can be compared. That something is missing shows when it is read.
 */
export async function inspectObjects(vault: Vault, { prefix, manifest }: SignedSet): Promise<InspectedObjects> {
  const expected = new Set([
    ...[keysFileName, manifestName, signatureName],
    ...(manifest.sealing.secrets === undefined ? [] : [secretsFileName]),
    ...manifest.artifacts.flatMap(({ segments }) => segments.map(({ key }) => key)),
  ]);
  const present: string[] = [];
  for await (const { key } of vault.list(prefix)) present.push(key.slice(prefix.length));
  const unknown = present
    .filter((key) => !expected.has(key))
    .map((key) => warningAt(key, "object-unknown", "The manifest names no such object: somebody else put it there"));
  const heads = await mapBounded(
    present.filter((key) => expected.has(key)),
    8,
    async (key) => ({ key, head: await vault.head(prefix + key) }),
  );
  const now = Date.now();
  const free = heads.filter(({ head }) => head !== undefined && !((head.retainUntil?.getTime() ?? 0) > now));
  const archived = inspectArchived(manifest, new Map(heads.map(({ key, head }) => [key, head])));
  const findings = [...unknown, ...archived.findings];
  if (free.length === 0) return { ...archived, findings };
  const names = free.map(({ key }) => key);
  const what = `${names.length} of ${heads.length} objects are not locked against deletion: ${few(names, 3)}`;
  return { ...archived, findings: [...findings, warningAt("set", "object-unlocked", what)] };
}

function inspectArchived(
  { artifacts }: SignedSet["manifest"],
  heads: ReadonlyMap<string, ObjectHead | undefined>,
): InspectedObjects {
  const findings: DamageFinding[] = [];
  const frozen = new Set<string>();
  for (const { name, segments } of artifacts) {
    for (const { key, bytes } of segments) {
      const head = heads.get(key);
      if (head === undefined || stateOf(head.storageClass, head.restore).state === "ready") continue;
      frozen.add(name);
      if (head.bytes !== bytes) {
        const what = `It has ${head.bytes} bytes where the manifest says ${bytes}`;
        findings.push(damageAt(name, "object-size", what));
      } else {
        const what = `${key} is archived in ${head.storageClass}: it is there and its size is right; its bytes were not read`;
        findings.push(warningAt(name, "object-frozen", what));
      }
    }
  }
  return { findings, frozen };
}
