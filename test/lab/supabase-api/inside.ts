import { type Project, sizeOfDisk } from "./project.ts";
import { paced, settle, type World } from "./world.ts";

/** What one sees from inside a thought database: what a status cannot tell. */
export interface Inside {
  /** Of the postmaster, milliseconds since 1970. */
  readonly startedAt: number;
  readonly timeline: number;
  /** Whether a row that was written at this moment is there. */
  has(moment: number): boolean;
  /** The moment of the newest row; undefined: no row at all. */
  readonly newest: number | undefined;
}

/** What comes of a connection, in the server's or the pooler's own code. */
export type Login = Inside | "57P03" | "28P01" | "ECIRCUITBREAKER" | "XX000" | "ECONNREFUSED";

/** Wrong passwords within a minute after which the pooler refuses every login, right ones too, for two minutes. */
const breaker = { failures: 15, withinSeconds: 60, seconds: 120 };

/** Connects through the pooler, as a person or a recovery does. */
export async function lookInside(world: World, ref: string, password: string): Promise<Login> {
  await settle(world);
  const project = world.projects.get(ref);
  if (project === undefined) return "XX000";
  return admit(world, project, password) ?? insideOf(world, project);
}

/** @returns why a login is refused, counted; undefined where it is admitted */
export function admit(world: World, project: Project, password: string): Exclude<Login, Inside> | undefined {
  const now = world.clock.now();
  const { database } = project;
  if ((project.down.get("pooler") ?? 0) > now) return "ECONNREFUSED";
  if (project.network.v4.length === 0) return "ECONNREFUSED";
  const { failures } = database;
  while (failures[0] !== undefined && now - failures[0] > paced(world, breaker.seconds)) failures.shift();
  const recent = failures.filter((at) => now - at <= paced(world, breaker.withinSeconds));
  if (recent.length >= breaker.failures) return "ECIRCUITBREAKER";
  if (database.startedAt === undefined) return "57P03";
  if (password === database.password && now >= database.refusedUntil) return undefined;
  failures.push(now);
  return "28P01";
}

function insideOf(world: World, { database }: Project): Inside {
  const now = world.clock.now();
  const last = database.written.at(-1);
  return {
    startedAt: database.startedAt ?? 0,
    timeline: database.timeline,
    has: (moment) => moment <= now && database.written.some(({ from, to }) => moment >= from && moment <= (to ?? now)),
    newest: last === undefined ? undefined : (last.to ?? now),
  };
}

/** Keeps of a thought database's rows what was there at `moment`; what is written from `again` on is new. */
export function rowsAsOf(project: Project, moment: number, again: number): void {
  const { database } = project;
  database.written = database.written
    .filter(({ from }) => from <= moment)
    .map(({ from, to }) => ({ from, to: Math.min(to ?? moment, moment) }));
  database.written.push({ from: again, to: undefined });
}

/** Beyond 95 % of the disk a project is read-only, unless that was lifted for a quarter of an hour. */
export const isFull = (project: Project): boolean => project.disk.usedBytes >= 0.95 * sizeOfDisk(project);
