import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { type Applied, type ApplyRequest, applyRepair } from "../../actions/lib/operations/repair/apply/apply.ts";
import { planUndo } from "../../actions/lib/operations/repair/apply/plan-undo.ts";
import { placeOf } from "../../actions/lib/operations/repair/apply/settle.ts";
import {
  type Change,
  type Conflict,
  type ListedTable,
  type ListHeader,
  listFormat,
} from "../../actions/lib/operations/repair/change-list.ts";
import { keepPlan } from "../../actions/lib/operations/repair/stored-list.ts";
import { readKeyring } from "../../actions/lib/seal/keys/keyring.ts";
import { pinnedKeys } from "../../actions/lib/seal/keys/pins.ts";
import { releaseVerifier } from "../../actions/lib/vault/configured.ts";
import { newSetId } from "../../actions/lib/vault/format/manifest.ts";
import type { VerifySignature } from "../../actions/lib/vault/published/signed-manifest.ts";
import { readRepairs } from "../../actions/lib/vault/repairs/records.ts";
import type { RepairVault } from "../../actions/lib/vault/repairs/store.ts";
import { withClient } from "../lab/index.ts";
import type { BackupLab } from "./backup-lab.ts";
import { openSession } from "./repair-session.ts";

export interface RepairLab {
  readonly store: RepairVault;
  readonly verify: VerifySignature;
  /** Seals a plan made by hand. @param id of now by default @returns its id */
  plan(tables: readonly ListedTable[], lines: readonly (Change | Conflict)[], id?: string): Promise<string>;
  request(url: string, id: string, more?: Partial<ApplyRequest>): ApplyRequest;
  apply(url: string, id: string, more?: Partial<ApplyRequest>): Promise<Applied>;
  /** A plan, applied at once. */
  repair(
    url: string,
    tables: readonly ListedTable[],
    lines: readonly (Change | Conflict)[],
    more?: Partial<ApplyRequest>,
  ): Promise<Applied>;
  /** Takes a repair back. */
  undo(url: string, id: string, more?: Partial<ApplyRequest>): Promise<Applied>;
}

export async function openRepairLab(lab: BackupLab): Promise<RepairLab> {
  const config = await loadConfig({ needs: ["vault"], env: lab.env("postgresql://nobody@127.0.0.1/none") });
  const verify = await releaseVerifier(config);
  const { recipients } = pinnedKeys(await readKeyring(lab.publicKeys), config.policy.keys);
  const store: RepairVault = {
    ...{ vault: lab.vault, key: lab.operations, recipients, lockDays: 1, partBytes: 5 * 1024 * 1024 },
  };
  const self: RepairLab = {
    store,
    verify,
    async plan(tables, lines, id = newSetId(new Date())) {
      const header: ListHeader = {
        ...{ format: listFormat, id, kind: "plan", of: null, project: null, sets: [] },
        ...{ madeAt: new Date().toISOString(), selection: "by hand", tables: [...tables] },
      };
      return (await keepPlan(store, header, lines)).id;
    },
    request(url, id, more = {}) {
      return {
        connect: () => openSession(url),
        ...{ store, verify, id, ref: null, by: "a test", log: silentLog, mayFire: [] },
        rules: { lockSeconds: 2, wholeOnly: false },
        ...more,
      };
    },
    apply: (url, id, more) => applyRepair(self.request(url, id, more)),
    async repair(url, tables, lines, more) {
      return self.apply(url, await self.plan(tables, lines), more);
    },
    async undo(url, id, more) {
      const client = await openSession(url);
      const here = await placeOf(client, null).finally(() => client.end());
      const { repairs } = await readRepairs(store.vault, verify, id);
      const as = newSetId(new Date());
      await planUndo(store, repairs, here, { id, as });
      return self.apply(url, as, more);
    },
  };
  return self;
}

/** All rows of a table as text, in their order, to compare. */
export async function rowsOf(url: string, table: string): Promise<string[]> {
  return withClient(url, async (client) => {
    await client.query("set row_security = off");
    const { rows } = await client.query<{ row: string }>(
      `select t::text as row from (select * from ${table}) t order by t::text collate "C"`,
    );
    return rows.map(({ row }) => row);
  });
}

/** Outcomes as `state op detail rows`, to read them at a glance. */
export function told({ outcomes }: Applied): string[] {
  return outcomes.map(({ state, op, detail, rows }) =>
    [state, op, detail, rows].filter((one) => one !== null).join(" "),
  );
}
