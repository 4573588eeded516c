import { countOf } from "../../base/measures.ts";
import type { Told } from "../operation.ts";
import { type Compared, type Listed, refusedNote } from "./run-list.ts";
import type { PutDone } from "./run-put.ts";

const day = (iso: string): string => iso.slice(0, 10);

export function reportPut(done: PutDone): Told {
  const { name, outcome, opens, lockedUntil, replaces } = done;
  const lock = lockedUntil === null ? "It is not locked." : `It is locked until ${day(lockedUntil.toISOString())}.`;
  const verb = outcome === "put" ? "is in escrow" : "would be put into escrow";
  const older = replaces === null ? "" : ` It counts in the place of the one of ${replaces.slice(0, 8)}, which stays.`;
  return {
    result: done,
    page: {
      title: "Escrow",
      sentence: `${name} ${verb}, sealed to ${opens.join(" and ")}. ${lock}${older}`,
      tables: [],
    },
  };
}

/** Names, dates and who can open each; never a value. */
export function reportList(listed: Listed): Told {
  const { rows, refused, alarms, compared } = listed;
  const lost = rows.filter(({ opens }) => !opens.includes("escrow")).map(({ name }) => name);
  const told = {
    result: listed,
    page: {
      title: "Escrow",
      sentence: `${rows.length === 0 ? "Nothing is in escrow" : `${countOf(rows.length, "value")} in escrow`}${missing(compared)}.`,
      tables: [
        {
          header: ["name", "put", "opened by", "older"],
          rows: rows.map(({ name, putAt, opens, older }) => [name, day(putAt), opens.join(", "), String(older)]),
        },
        ...("gaps" in compared
          ? [
              {
                title: `Missing, by the project's settings in set ${compared.set}`,
                header: ["put", "why"],
                rows: compared.gaps.map(({ name, why }) => [name, why]),
              },
            ]
          : []),
      ],
      notes: [
        ...alarms,
        ...lost.map(
          (name) => `${name} is sealed to a former key. Put it again, so that the escrow key of today opens it.`,
        ),
        ...refusedNote(refused),
        ...("gaps" in compared ? [] : [`Whether something is missing cannot be said: ${compared.unknown}.`]),
      ],
    },
  };
  if (alarms.length === 0 && refused.length === 0) return told;
  return {
    ...told,
    failure: {
      code: "escrow-meddled",
      message: [...alarms, ...refusedNote(refused)].join(" "),
      next: "What a person's key has signed counts as it was written, anything else for nothing. Find out who wrote to the vault: runbooks/escrow.md.",
    },
  };
}

function missing(compared: Compared): string {
  if (!("gaps" in compared)) return "";
  return compared.gaps.length === 0
    ? ", nothing that a recovery needs is missing"
    : `, ${countOf(compared.gaps.length, "value")} missing`;
}
