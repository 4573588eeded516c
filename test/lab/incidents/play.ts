import { LifeboatError, OperationError } from "../../../actions/lib/base/errors.ts";
import { silentLog } from "../../../actions/lib/base/log.ts";
import { Secret } from "../../../actions/lib/config/problems.ts";
import { type Bounds, inPlacePhases } from "../../../actions/lib/operations/recover/database-failure/in-place.ts";
import type {
  ContentFacts,
  InsideFacts,
} from "../../../actions/lib/operations/recover/database-failure/judge-inside.ts";
import {
  apiPatience,
  Decision,
  type Known,
  type Look,
  nothingKnown,
  type Ports,
  type Work,
} from "../../../actions/lib/operations/recover/database-failure/work.ts";
import { type PhaseTime, runPhases } from "../../../actions/lib/operations/recover/phases.ts";
import { openManagementApi } from "../../../actions/lib/supabase/management-api.ts";
import { readBackups, readProjectStatus, requestPointInTime } from "../../../actions/lib/supabase/point-in-time.ts";
import { addProject, createWorld, lookInside, type Project, transportTo, type World } from "../supabase-api/index.ts";
import { settle } from "../supabase-api/world.ts";
import { VirtualClock } from "../virtual-clock.ts";
import { drawIncident, type Incident } from "./incident.ts";

/** What came of one incident. */
export interface Played {
  readonly seed: number;
  readonly troubles: readonly string[];
  /** `proven`, `unproven`, or the code of what somebody has to decide or put right. */
  readonly outcome: string;
  /** From its begin until it was said, of the virtual clock. */
  readonly seconds: number;
  /** What is wrong with the database at the moment at which it was called recovered; undefined: nothing, or it was not. */
  readonly lie: string | undefined;
  /** Requests for a recovery that reached the API. */
  readonly sent: number;
  /** Recoveries that Supabase has begun. */
  readonly begun: number;
  readonly requests: number;
}

/** By which the real code is made wrong, for tests of the tests. */
export interface Spoilt {
  look?(look: Look, unix: number): Look;
  readonly planBAfterMinutes?: number;
}

export const bounds = { rtoMinutes: 30, planBAfterMinutes: 5 } as const;
const minute = 60_000;
/** Sentinels tell a moment by the minute, and pg_cron may be late: nobody is told that it is more exact. */
const precision = 100_000;
/** Of the set with which everything is compared. */
const setFacts = { objects: 300, tables: 40, rows: 100_000 };

/** Plays one incident: the real phases and the real client of the API, against the simulated world, by a clock that jumps. */
export async function playIncident(seed: number, spoilt: Spoilt = {}): Promise<Played> {
  const clock = new VirtualClock("2026-11-29T03:00:00.000Z");
  // By the second, so that sentinels stand at any place in their minute.
  clock.pass((seed % 60) * 1000);
  const begin = clock.now();
  const incident = drawIncident(seed, begin);
  const world = createWorld({ seed, clock });
  const project = addProject(world, { createdAt: begin - 6 * 86_400_000 });
  Object.assign(project.addons, { pitr: "pitr_7", compute: "ci_small" });
  project.disk.sizeGb = 8;
  if (incident.deadFor !== undefined) {
    const { database } = project;
    Object.assign(database, {
      startedAt: undefined,
      written: [{ from: project.createdAt, to: begin - incident.deadFor * 1000 }],
    });
  }
  const orders = 10;
  world.restoreOrders.push(...Array.from({ length: orders }, () => incident.restore));
  for (const upset of incident.upset) upset(world, project);
  const model = new Model(world, project, incident, clock);
  const unix = Math.floor((begin - incident.age * 1000) / 1000);
  const played = await run(model, unix, { ...bounds, ...spoilt }, spoilt);
  return {
    ...{ seed, troubles: incident.troubles, outcome: played, seconds: (clock.now() - begin) / 1000 },
    lie: played === "proven" ? model.wrong(unix) : undefined,
    ...{ sent: model.sent, begun: orders - world.restoreOrders.length, requests: world.requests.length },
  };
}

async function run(model: Model, unix: number, times: Bounds, spoilt: Spoilt): Promise<string> {
  const { clock, incident } = model;
  let known: Known = nothingKnown({ unix, typed: "" });
  const done: PhaseTime[] = [];
  for (let killedAt = incident.killedAt; ; killedAt = undefined) {
    const killing = new AbortController();
    const idle = new AbortController();
    if (killedAt !== undefined)
      clock.sleep(killedAt * 1000, idle.signal).then(
        () => killing.abort(new Error("killed")),
        () => undefined,
      );
    const work: Work = {
      ports: model.ports(spoilt),
      target: { unix, typed: "" },
      noSetBecause: incident.waived ? "it is damaged anyway" : undefined,
      known,
      remember: async (now) => {
        killing.signal.throwIfAborted();
        known = now;
      },
    };
    const record = {
      times: done,
      noteTime: async (time: PhaseTime) => {
        killing.signal.throwIfAborted();
        done.push(time);
      },
    };
    try {
      await runPhases(inPlacePhases(times), work, { record, clock, log: silentLog, signal: killing.signal, again: "" });
      return known.verdict ?? "nothing";
    } catch (error) {
      if (killing.signal.aborted) {
        await clock.sleep(minute);
        continue;
      }
      // None of our errors: a mistake in the code.
      if (error instanceof LifeboatError && error.code === "recovery-failed") throw error.cause;
      if (error instanceof LifeboatError)
        return error.cause instanceof Decision ? error.code : `refused: ${error.code}`;
      throw error;
    } finally {
      idle.abort(new Error("over"));
    }
  }
}

/** A project whose sentinels and contents are thought, beside what the simulated world knows of it. */
class Model {
  readonly world: World;
  readonly project: Project;
  readonly incident: Incident;
  readonly clock: VirtualClock;
  sent = 0;
  #firstSent: number | undefined;

  constructor(world: World, project: Project, incident: Incident, clock: VirtualClock) {
    this.world = world;
    this.project = project;
    this.incident = incident;
    this.clock = clock;
    world.heard = async (request) => {
      if (!/^POST .*restore-pitr/.test(request)) return;
      this.sent++;
      this.#firstSent ??= clock.now();
      if (incident.restartAfter !== undefined)
        clock.sleep(incident.restartAfter * 1000).then(() => {
          if (project.database.startedAt !== undefined) project.database.startedAt = clock.now();
        });
    };
  }

  ports({ look = (found) => found }: Spoilt): Ports {
    const { world, project, clock, incident } = this;
    const { ref } = project;
    const token = new Secret(world.tokens[0]?.value ?? "");
    const api = openManagementApi({
      ...{ url: "https://api.test", token, transport: transportTo(world), clock, patience: apiPatience },
    });
    const { password } = project.database;
    const takes = (seconds: number, signal?: AbortSignal): Promise<void> => clock.sleep(seconds * 1000, signal);
    const inside = async (unix: number): Promise<Look> => {
      const login = await lookInside(world, ref, password);
      if (login === "28P01" || login === "ECIRCUITBREAKER") return { kind: "refused", why: login };
      if (typeof login === "string") return { kind: "silent", why: login };
      return { kind: "inside", facts: this.#facts(unix) };
    };
    return {
      ...{ clock, log: silentLog },
      publicStatus: async () => ({ known: false, why: "there is none" }),
      projectStatus: () => readProjectStatus(api, ref),
      backups: () => readBackups(api, ref),
      request: (unix) => requestPointInTime(api, ref, unix),
      async look(unix, signal) {
        await takes(incident.lookSeconds, signal);
        return look(await inside(unix), unix);
      },
      compare: async (signal) => {
        if (!incident.vaultHasSet) return undefined;
        const started = project.database.startedAt;
        await takes(20, signal);
        await settle(world);
        if (project.database.startedAt !== started || started === undefined)
          throw new OperationError("source-unreachable", "It broke off.");
        return this.#contents();
      },
      newestSet: async () =>
        incident.vaultHasSet
          ? {
              set: "20261129T010000Z-00000000",
              snapshotAt: "2026-11-29T01:00:00.000Z",
              seconds: incident.set === "slow" ? 9000 : 90,
            }
          : undefined,
      async beginIncident() {
        await takes(5);
        if (incident.incident === "fails") throw new OperationError("s3-refused", "The vault refuses.");
        return "20261129T030000Z-11111111";
      },
      async makeSet(signal) {
        await takes(incident.set === "hangs" ? 1e7 : 90, signal);
        if (incident.set === "fails") throw new OperationError("dump-failed", "The dump failed.");
        return "20261129T030100Z-22222222";
      },
    };
  }

  /** Every minute of the times in which the database was written to; of the newest of them with its server's timeline. */
  #sentinels(): { at: number; timeline: number }[] {
    const { database } = this.project;
    const { sentinels } = this.incident;
    if (sentinels === "absent") return [];
    const now = this.clock.now();
    const stoppedAt = sentinels === "stopped" ? this.project.createdAt + 3_600_000 : Number.POSITIVE_INFINITY;
    return database.written.flatMap(({ from, to }, index) => {
      const timeline = index === database.written.length - 1 ? database.timeline : 1;
      const end = Math.min(to ?? now, stoppedAt);
      const rows = [];
      // Of the last day, and of the last minute before that: nobody asks for more.
      for (let at = Math.ceil(Math.max(from, end - 4 * 86_400_000) / minute) * minute; at <= end; at += minute)
        rows.push({ at, timeline });
      return rows;
    });
  }

  #facts(unix: number): InsideFacts {
    const { database } = this.project;
    const now = this.clock.now();
    const startedAt = database.startedAt ?? now;
    const at = unix * 1000;
    const all = this.#sentinels();
    const before = all.findLast((one) => one.at <= at) ?? null;
    const after = all.filter(
      (one) => one.at > at && one.at < startedAt && one.timeline <= (before?.timeline ?? one.timeline),
    );
    const isEmpty = database.written.length === 0;
    return {
      ...{ askedAt: now, uptime: now - startedAt, timeline: database.timeline, inRecovery: false },
      readOnly: this.project.disk.usedBytes >= 0.95 * this.project.disk.sizeGb * 1024 ** 3,
      tables: isEmpty ? 0 : setFacts.tables,
      sentinels:
        all.length === 0
          ? null
          : {
              before,
              after: { count: after.length, newest: after.at(-1)?.at ?? null },
              newest: all.at(-1)?.at ?? null,
            },
    };
  }

  #isRestored(): boolean {
    return this.project.database.timeline > 1;
  }

  #contents(): ContentFacts {
    const { damage } = this.incident;
    const lost = damage !== undefined && this.#isRestored() ? damage : { objects: 0, rows: 0 };
    const names = (share: number, of: number): string[] =>
      Array.from({ length: Math.ceil(share * of) }, (_, n) => `table public.t${n}`);
    return {
      ...{ set: "20261129T010000Z-00000000", snapshotAt: "2026-11-29T01:00:00.000Z" },
      objects: { expected: setFacts.objects, missing: names(lost.objects, setFacts.objects) },
      tables: {
        ...{ expected: setFacts.tables, missing: [], uncounted: 0, equal: 10 },
        shrunk: lost.rows > 0 ? names(lost.rows, setFacts.tables) : [],
      },
      rows: { expected: setFacts.rows, found: Math.round(setFacts.rows * (1 - lost.rows)) },
    };
  }

  /** What is not as somebody believes who hears that it has recovered; undefined: nothing. To the minute, as sentinels tell. */
  wrong(unix: number): string | undefined {
    const { database } = this.project;
    const { damage } = this.incident;
    const at = unix * 1000;
    if (database.startedAt === undefined) return "the database does not answer";
    if (this.#firstSent === undefined || database.startedAt < this.#firstSent) return "it was not restored";
    const kept = database.written.at(-2)?.to;
    if (database.written.length === 0) return "it is empty";
    if (kept === undefined) return "it did not go back";
    if (Math.abs(kept - at) > precision) return `it is ${Math.round((kept - at) / 1000)} s off`;
    if (damage !== undefined) return "something is missing in it";
    return undefined;
  }
}
