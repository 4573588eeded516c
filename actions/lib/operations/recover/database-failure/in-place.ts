import { type Phase, shares } from "../phases.ts";
import { awaitReturn } from "./await-return.ts";
import { beginIncident, keepASet, lookAround } from "./prepare.ts";
import { askForRecovery } from "./request.ts";
import type { Work } from "./work.ts";

/** What the times of the phases are made of. */
export interface Bounds {
  /** Of the scenario: `promises.scenarios.databaseFailure.rtoMinutes`. */
  readonly rtoMinutes: number;
  /** `recovery.planBAfterMinutes`. */
  readonly planBAfterMinutes: number;
}

/**
 * The phases of a point-in-time recovery in the project itself, until somebody knows what came of it. Together their deadlines are
 * below the scenario's RTO: whatever happens, a decision is asked for in time.
 */
export function inPlacePhases({ rtoMinutes, planBAfterMinutes }: Bounds): Phase<Work>[] {
  // More than half of the time for waiting would leave none for what comes before it.
  const waiting = Math.min(planBAfterMinutes, rtoMinutes * 0.4) * 60;
  const of = shares({ look: 2, incident: 2, set: 7, request: 8 }, rtoMinutes - waiting / 60, 0.3);
  return [
    {
      name: "look around",
      does: "Looks at Supabase's status page, its word on the project and on its backups, and into the database. Nothing is changed.",
      waitsFor: "the Management API and one connection",
      usuallySeconds: 10,
      deadlineSeconds: of.look,
      whenLate: "Neither the API nor the database answers in time: choose another way.",
      late: "ends",
      run: lookAround,
    },
    {
      name: "begin an incident",
      does: "Begins an incident: from now on nothing is forgotten, and what is known to be good is held.",
      waitsFor: "the vault",
      usuallySeconds: 15,
      deadlineSeconds: of.incident,
      whenLate: 'Go on without, and say why: --no-set-because "…".',
      late: "ends",
      run: beginIncident,
    },
    {
      name: "keep a set",
      does: "Makes a set of what is there now and reads it back, because the recovery cannot be undone.",
      waitsFor: "the database, which is read once",
      usuallySeconds: 120,
      deadlineSeconds: of.set,
      whenLate: 'Go on without, and say why: --no-set-because "…".',
      late: "ends",
      run: (work, signal) => keepASet(work, of.set, signal),
    },
    {
      name: "ask for the recovery",
      does: "Waits until Supabase can go back to the moment, and asks for it, once.",
      waitsFor: "Supabase, whose newest point is one or two minutes old",
      usuallySeconds: 90,
      deadlineSeconds: of.request,
      whenLate: "The request could not be placed: choose another way.",
      late: "ends",
      run: askForRecovery,
    },
    {
      name: "wait for the database",
      does: "Looks into the database until it shows that it has gone back to the moment.",
      waitsFor: "Supabase; it was measured to take 30 to 81 seconds",
      usuallySeconds: 80,
      // It decides by itself, with what it has seen; the deadline is there for what hangs.
      deadlineSeconds: waiting + 60,
      whenLate: "The database shows nothing: choose another way.",
      late: "ends",
      run: async (work, signal) => {
        await awaitReturn(work, work.ports.clock.now() + waiting * 1000, signal);
      },
    },
  ];
}
