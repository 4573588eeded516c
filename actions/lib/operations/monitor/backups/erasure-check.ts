import { countOf, few } from "../../../base/measures.ts";
import type { Finding } from "../../../policy/monitor/check.ts";
import { alarmTroubles, judgeTroubles, type Trouble } from "../../../policy/monitor/vault.ts";
import { peopleVerifier } from "../../../vault/configured.ts";
import { type Ledger, olderThan, readLedger } from "../../../vault/erasures/ledger.ts";
import { openWork } from "../../../vault/erasures/requests.ts";
import type { Look } from "../check.ts";
import type { VaultReader } from "./read-vault.ts";

const day = 86_400_000;
/** A request that is due so soon is told. */
const soonDays = 7;
const next = "runbooks/compliance/gdpr-erasure.md";

/** The ledger of erasures: whole, as new as the newest set knows it, and every request within its term. */
export async function lookAtErasures({ context, now }: Look, reader: VaultReader): Promise<Finding> {
  const ledger = await readLedger(await reader.vault(), await peopleVerifier(context.config()));
  const newest = (await Promise.all((["daily", "weekly", "monthly"] as const).map((tier) => reader.newest(tier))))
    .flatMap(({ manifest }) => manifest?.erasures ?? [])
    .sort((a, b) => b.count - a.count)[0];
  return judgeErasures(ledger, olderThan(ledger, newest), now);
}

/** Pure. @param older why the ledger is older than a set knows it; null: it is not */
export function judgeErasures(
  ledger: Pick<Ledger, "entries" | "broken" | "alarms">,
  older: string | null,
  now: Date,
): Finding {
  const { requests, unfinished } = openWork(ledger.entries);
  const left = (due: string): number => Math.floor((Date.parse(due) + day - now.getTime()) / day);
  const late = requests.filter(({ due }) => left(due) < 0);
  const soon = requests.filter(({ due }) => left(due) >= 0 && left(due) < soonDays);
  const stuck = unfinished.filter(({ at }) => now.getTime() - Date.parse(at) > day);
  const wrong = ledger.broken ?? older;
  const troubles: Trouble[] = [
    ...(wrong === null
      ? []
      : [
          {
            state: "critical" as const,
            found: `The ledger of erasures cannot be relied on: ${wrong}`,
            next: `See ${next}.`,
          },
        ]),
    ...alarmTroubles(ledger.alarms, `See ${next}.`),
    ...late.map(({ id, due }) => ({
      ...{ state: "critical" as const, found: `Request ${id} was to be answered by ${due}` },
      next: `Erase, or tell the person why it takes longer: ${next}.`,
    })),
    ...soon.map(({ id, due }) => ({
      ...{ state: "warning" as const, found: `Request ${id} has to be answered by ${due}` },
      next: `See ${next}.`,
    })),
    ...(stuck.length === 0
      ? []
      : [
          {
            ...{ state: "warning" as const, next: "Run the same `lifeboat erase` again, with its hash." },
            found: `${countOf(stuck.length, "erasure")} begun and not ended: ${few(
              stuck.map(({ id }) => id),
              3,
            )}`,
          },
        ]),
  ];
  const open = requests.length === 0 ? "no request is open" : `${countOf(requests.length, "request")} within the term`;
  return judgeTroubles(
    troubles,
    `The ledger of erasures is whole; ${open}.`,
    "People who asked to be forgotten may come back by a restore, or wait for longer than the law allows.",
  );
}
