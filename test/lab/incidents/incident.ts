import { between, randomFrom } from "../random.ts";
import type { Project, World } from "../supabase-api/index.ts";
import type { RestoreOrder } from "../supabase-api/world.ts";

/** What goes wrong in one incident, drawn from its seed. Times in seconds since its begin. */
export interface Incident {
  readonly seed: number;
  /** Names, for people who read what came of it. */
  readonly troubles: readonly string[];
  /** The moment to go back to, before the begin. */
  readonly age: number;
  /** The database does not answer since so long before the begin. */
  readonly deadFor: number | undefined;
  readonly sentinels: "running" | "absent" | "stopped";
  readonly restore: RestoreOrder;
  /** Of the set's objects and rows, what is not there after the restore. */
  readonly damage: { readonly objects: number; readonly rows: number } | undefined;
  /** The platform starts the database again, so long after a request, and restores nothing. */
  readonly restartAfter: number | undefined;
  readonly waived: boolean;
  readonly incident: "begins" | "fails";
  readonly set: "made" | "fails" | "hangs" | "slow";
  readonly vaultHasSet: boolean;
  /** Each look into the database takes so long. */
  readonly lookSeconds: number;
  /** The run is killed then, and taken up by a person a minute later. */
  readonly killedAt: number | undefined;
  /** Done to the world before it begins. */
  readonly upset: readonly ((world: World, project: Project) => void)[];
}

type Change = Partial<Omit<Incident, "seed" | "troubles">>;
type Trouble = (draw: (low: number, high: number) => number, begin: number) => Change;

function change<T extends object>(some: readonly T[], values: Partial<T>): void {
  for (const one of some) Object.assign(one, values);
}

const backups = /\/database\/backups$/;
const post = /^POST .*restore-pitr/;
const status = /^GET \/v1\/projects\/[a-z]+$/;

/** Everything that was seen to go wrong, or may. */
const troubles: Readonly<Record<string, Trouble>> = {
  "restore hangs": () => ({ restore: { ends: "hangs" } }),
  "restore fails": (draw) => ({ restore: { ends: "fails", seconds: draw(20, 200) } }),
  "an empty cluster comes up": () => ({ restore: { ends: "empty" } }),
  "an empty cluster comes up, then it fails": (draw) => ({ restore: { ends: "empty", failsAfter: draw(5, 100) } }),
  "accepted and ignored": () => ({ restore: { ends: "ignored" } }),
  "accepted, and only started again": (draw) => ({ restore: { ends: "ignored" }, restartAfter: draw(5, 60) }),
  "back a little too far": (draw) => ({ restore: { ends: "healthy", offSeconds: -draw(200, 900) } }),
  "back to the wrong hour": () => ({ restore: { ends: "healthy", offSeconds: -3600 } }),
  "back not far enough": (draw) => ({ restore: { ends: "healthy", offSeconds: draw(100, 3600) } }),
  "back to another day": () => ({ restore: { ends: "healthy", offSeconds: -86_400 } }),
  // It was changed since the moment.
  "the old password": (_, begin) => ({
    restore: { ends: "healthy", oldPassword: true },
    upset: [
      (_world, { database }) => {
        database.password = "second password";
        database.passwords.push({ from: begin - 4000, password: "second password" });
      },
    ],
  }),
  "back, and then it fails": (draw) => ({ restore: { ends: "healthy", failsAfter: draw(5, 200) } }),
  "it takes minutes": (draw) => ({ restore: { ends: "healthy", seconds: draw(90, 280) } }),
  "it takes an hour": () => ({ restore: { ends: "healthy", seconds: 3600 } }),
  "healthy for long after the request": (draw) => ({
    restore: { ends: "healthy", seconds: 120, blindSeconds: draw(20, 110) },
  }),
  "half of it is missing": (draw) => ({ damage: { objects: draw(0.1, 0.9), rows: draw(0, 0.4) } }),
  "its tables are empty": () => ({ damage: { objects: 0, rows: 1 } }),
  "the database is dead": (draw) => ({ deadFor: draw(10, 1800) }),
  "no sentinels": () => ({ sentinels: "absent" }),
  "sentinels had stopped": () => ({ sentinels: "stopped" }),
  "no point-in-time recovery": () => ({ upset: [(_, { addons }) => change([addons], { pitr: undefined })] }),
  "a full disk": () => ({ upset: [(_, { disk }) => change([disk], { usedBytes: disk.sizeGb * 1024 ** 3 })] }),
  "a moment that is too old": (draw) => ({ age: draw(86_400 * 8, 86_400 * 20) }),
  "the answer to the request is lost": () => ({
    upset: [({ faults }) => void faults.inject({ kind: "lost", on: post, times: 1 })],
  }),
  "the request is lost": (draw) => ({
    upset: [({ faults }) => void faults.inject({ kind: "reset", on: post, times: Math.ceil(draw(0, 4)) })],
  }),
  "500 to the request": () => ({
    upset: [({ faults }) => void faults.inject({ kind: { status: 500 }, on: post, times: 1 })],
  }),
  "the request is refused": () => ({
    upset: [
      ({ faults }) =>
        void faults.inject({
          kind: { status: 400, json: { message: "This endpoint is unavailable at the moment" } },
          on: post,
        }),
    ],
  }),
  "a page in the place of the API": (draw, begin) => ({
    upset: [
      ({ faults }) => {
        const from = begin + draw(0, 600) * 1000;
        faults.inject({ kind: "page", from, until: from + draw(10, 300) * 1000 });
      },
    ],
  }),
  "the API is gone for a while": (draw, begin) => ({
    upset: [
      ({ faults }) => {
        const from = begin + draw(0, 900) * 1000;
        faults.inject({ kind: "reset", from, until: from + draw(30, 1200) * 1000 });
      },
    ],
  }),
  "the API is gone": () => ({ upset: [({ faults }) => void faults.inject({ kind: { status: 503 } })] }),
  "its word on the project is never heard": () => ({
    upset: [({ faults }) => void faults.inject({ kind: { status: 500 }, on: status })],
  }),
  "its word on the project is half": () => ({
    upset: [({ faults }) => void faults.inject({ kind: "cut", on: status, times: 5 })],
  }),
  "no word on backups": () => ({ upset: [({ faults }) => void faults.inject({ kind: "deep", on: backups })] }),
  "others use up the rate": (draw) => ({ upset: [(world) => change([world], { limit: Math.ceil(draw(2, 20)) })] }),
  "the token ends on the way": (draw, begin) => ({
    upset: [({ tokens }) => change(tokens, { expiresAt: begin + draw(0, 900) * 1000 })],
  }),
  "the token may not restore": () => ({
    upset: [({ tokens }) => change(tokens, { permissions: ["backups_read", "project_admin_read"] })],
  }),
  "others have tripped the breaker": (_, begin) => ({
    upset: [(_world, { database }) => void database.failures.push(...Array.from({ length: 20 }, () => begin + 60_000))],
  }),
  "a slow database": (draw) => ({ lookSeconds: draw(5, 20) }),
  "no incident can begin": () => ({ incident: "fails" }),
  "no set can be made": () => ({ set: "fails" }),
  "a set hangs": () => ({ set: "hangs" }),
  "a set takes hours": () => ({ set: "slow" }),
  "no set in the vault": () => ({ vaultHasSet: false }),
  "killed on the way": (draw) => ({ killedAt: draw(1, 240) }),
};

/** None in one of eight, else up to three that do not say the same in other words. @param begin milliseconds since 1970 */
export function drawIncident(seed: number, begin: number): Incident {
  const random = randomFrom(seed * 7919 + 13);
  const draw = (low: number, high: number): number => between(random, low, high);
  const names = Object.keys(troubles);
  const chosen = new Set<string>();
  for (let count = Math.floor(draw(0, 4)); count > 0; count--)
    chosen.add(names[Math.floor(draw(0, names.length))] ?? "");
  const plain: Omit<Incident, "seed" | "troubles"> = {
    ...{ age: random() < 0.3 ? draw(5, 120) : draw(120, 86_400 * 2), deadFor: undefined, sentinels: "running" },
    ...{ restore: { ends: "healthy" }, damage: undefined, restartAfter: undefined, waived: random() < 0.3 },
    ...{
      incident: "begins",
      set: "made",
      vaultHasSet: true,
      lookSeconds: draw(0.1, 2),
      killedAt: undefined,
      upset: [],
    },
  };
  const changes = [...chosen].map((name) => troubles[name]?.(draw, begin) ?? {});
  const upset = changes.flatMap((one) => one.upset ?? []);
  return { seed, troubles: [...chosen], ...Object.assign(plain, ...changes), upset };
}
