import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigurationError } from "../../base/errors.ts";
import { type BaselineFile, baselineFileSchema, type Fact, type Snapshot, unpackRights } from "./fact.ts";

/** A fact as some new project has it. */
interface KnownState {
  readonly definition: string;
  readonly owner: string | null;
  readonly rights: ReadonlySet<string>;
  readonly comment: string;
}

/** One recorded state of one component. */
interface Place {
  readonly file: BaselineFile;
  readonly at: number;
}

/**
 * What new Supabase projects have, by component and version: recorded from running ones (scripts/record-platform.ts),
 * never taken from the database that is to be judged.
 */
export class Baseline {
  readonly #files: readonly BaselineFile[];
  readonly #byKey = new Map<string, BaselineFile[]>();
  readonly #rights = new Map<BaselineFile, ReadonlySet<string>[]>();

  constructor(files: readonly BaselineFile[]) {
    this.#files = files;
    for (const file of files) {
      this.#rights.set(
        file,
        file.rights.map((packed) => new Set(unpackRights(packed))),
      );
      for (const key of Object.keys(file.facts)) this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), file]);
    }
  }

  /** Every state that some new project has had, of any version. */
  states(key: string): KnownState[] {
    return (this.#byKey.get(key) ?? []).flatMap((file) => this.#statesIn(file, key).map(({ state }) => state));
  }

  knows(key: string): boolean {
    return this.#byKey.has(key);
  }

  /**
   * The new project that a database is nearest to, component by component. Of the versions that a component's own list
   * of migrations names only those count; otherwise all of the server's major.
   *
   * @param versions last migration by component, where it could be read
   */
  fit(facts: readonly Fact[], major: number, versions: ReadonlyMap<string, string> = new Map()): Fitted {
    const places = new Map<string, Place>();
    const exact = new Set<string>();
    const newer = new Set<string>();
    for (const component of new Set(this.#files.map((file) => file.component))) {
      const files = this.#files.filter((file) => file.component === component);
      const version = versions.get(component);
      const all = files.flatMap((file) => file.snapshots.map((snapshot, at) => ({ file, at, snapshot })));
      const ofMajor = all.filter(({ snapshot }) => snapshot.major === major);
      const ofVersion = ofMajor.filter(({ snapshot }) => version !== undefined && snapshot.version === version);
      if (ofVersion.length > 0) exact.add(component);
      else if (version !== undefined && all.every(({ snapshot }) => isBefore(snapshot, version))) newer.add(component);
      const candidates = ofVersion.length > 0 ? ofVersion : ofMajor.length > 0 ? ofMajor : all;
      const best = this.#nearest(candidates, facts);
      if (best !== undefined) places.set(component, best);
    }
    return new Fitted(
      (key) => {
        for (const file of this.#byKey.get(key) ?? []) {
          const place = places.get(file.component);
          if (place?.file !== file) continue;
          const found = this.#statesIn(file, key).find(({ ranges }) => covers(ranges, place.at));
          if (found !== undefined) return found.state;
        }
        return undefined;
      },
      { places, exact, newer },
    );
  }

  #statesIn(file: BaselineFile, key: string): { state: KnownState; ranges: readonly number[] }[] {
    const states = Object.hasOwn(file.facts, key) ? file.facts[key] : undefined;
    return (states ?? []).map(([definition, owner, number, comment, ...ranges]) => ({
      state: { definition, owner, rights: this.#rights.get(file)?.[number] ?? new Set(), comment },
      ranges,
    }));
  }

  /** Most facts equal, fewest that are not there; of several the latest. */
  #nearest(candidates: readonly Place[], facts: readonly Fact[]): Place | undefined {
    const present = new Map(facts.map((fact) => [fact.key, fact]));
    const scores = new Map<BaselineFile, number[]>();
    for (const { file } of candidates) {
      if (scores.has(file)) continue;
      const score = file.snapshots.map(() => 0);
      for (const key of Object.keys(file.facts)) {
        const fact = present.get(key);
        for (const { state, ranges } of this.#statesIn(file, key)) {
          const gain = fact !== undefined && isState(fact, state) ? 1 : -1;
          for (let at = 0; at < score.length; at += 1) if (covers(ranges, at)) score[at] = (score[at] ?? 0) + gain;
        }
      }
      scores.set(file, score);
    }
    const scoreOf = ({ file, at }: Place): number => scores.get(file)?.[at] ?? 0;
    return candidates.reduce<Place | undefined>(
      (best, one) => (best === undefined || scoreOf(one) > scoreOf(best) ? one : best),
      undefined,
    );
  }
}

interface FittedTo {
  readonly places: ReadonlyMap<string, Place>;
  readonly exact: ReadonlySet<string>;
  readonly newer: ReadonlySet<string>;
}

/** A database beside the new project that it is nearest to. */
export class Fitted {
  /** What that new project has under a key. */
  readonly state: (key: string) => KnownState | undefined;
  readonly #of: FittedTo;

  constructor(state: (key: string) => KnownState | undefined, of: FittedTo) {
    this.state = state;
    this.#of = of;
  }

  /** The component's version was recorded: what that one has is known to the last right. */
  isExact(component: string): boolean {
    return this.#of.exact.has(component);
  }

  /** The component is newer than every recorded one, or was never recorded: it may have what nobody here knows. */
  isOpen(component: string): boolean {
    return this.#of.newer.has(component) || !this.#of.places.has(component);
  }

  /** Keys that the new project has of a component. */
  keys(component: string): string[] {
    const place = this.#of.places.get(component);
    if (place === undefined) return [];
    return Object.keys(place.file.facts).filter((key) => this.state(key) !== undefined);
  }
}

function covers(ranges: readonly number[], at: number): boolean {
  for (let place = 0; place < ranges.length; place += 2) {
    if (at >= (ranges[place] ?? 0) && at <= (ranges[place + 1] ?? -1)) return true;
  }
  return false;
}

function isState(fact: Fact, state: KnownState): boolean {
  return (
    fact.definition === state.definition &&
    fact.owner === state.owner &&
    fact.rights.length === state.rights.size &&
    fact.rights.every((right) => state.rights.has(right))
  );
}

/** Versions are numbers or times, so the longer is the later. */
function isBefore({ version }: Snapshot, other: string): boolean {
  return version !== null && (version.length - other.length || (version < other ? -1 : 1)) < 0;
}

/** Where the recorded states lie that come with Lifeboat. */
const shipped = fileURLToPath(new URL("./baselines/", import.meta.url));

let loaded: { readonly from: string; readonly baseline: Baseline } | undefined;

/**
 * The recorded states, read once: those that come with Lifeboat, and those of a folder that LIFEBOAT_BASELINES names
 * (a self-hosted Supabase, or one that is newer than this Lifeboat).
 * @throws ConfigurationError `baseline-unreadable`
 */
export function loadBaseline(env: Readonly<Record<string, string | undefined>> = process.env): Baseline {
  const own = env["LIFEBOAT_BASELINES"] ?? "";
  if (loaded?.from !== own) {
    loaded = { from: own, baseline: new Baseline([shipped, ...(own === "" ? [] : [own])].flatMap(readFolder)) };
  }
  return loaded.baseline;
}

function readFolder(folder: string): BaselineFile[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".json"))
      .sort()
      .map((name) => baselineFileSchema.parse(JSON.parse(readFileSync(join(folder, name), "utf8"))));
  } catch {
    throw new ConfigurationError(
      "baseline-unreadable",
      `The recorded states of new Supabase projects in ${folder} cannot be read.`,
      "LIFEBOAT_BASELINES has to name a folder that scripts/record-platform.ts wrote.",
    );
  }
}
