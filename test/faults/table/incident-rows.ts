import { writeNote } from "../../../actions/lib/seal/keys/signature.ts";
import type { IncidentAttacker, IncidentRow } from "./incident-scene.ts";

const row = (
  stage: IncidentRow["stage"],
  kind: string,
  outcome: "success" | "refused before writing",
  inject: (attacker: IncidentAttacker) => Promise<unknown>,
): IncidentRow => ({
  ...{ stage, kind, outcome, holder: "writes the bucket" },
  ...(outcome === "success" ? {} : { code: "incident-on" }),
  inject: async (attacker) => void (await inject(attacker)),
});

const on = "an incident that is on";
const over = "an incident that is over";
const stays = "refused before writing";
const endOf = (incident: string) => {
  const format = "lifeboat-incident-end/1" as const;
  return { format, incident, reason: "x", at: "2026-01-01T00:00:00.000Z", by: "x" };
};
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** An incident ends by a trusted word about itself, and by nothing else; what it has ended, nobody begins again by a trick. */
export const incidentRows: readonly IncidentRow[] = [
  row(on, "its begin is hidden by a delete marker", stays, ({ hide, incident }) => hide(`${incident}begin.json`)),
  row(on, "another begin is laid over it", stays, ({ put, incident }) => put(`${incident}begin.json`, json({}))),
  row(on, "a begin of another incident is laid over it", stays, async ({ put, vault, incident, older }) =>
    put(`${incident}begin.json`, Buffer.from((await vault.get(`${older}begin.json`)).body)),
  ),
  row(on, "an end that nobody has signed", stays, ({ put, incident, id }) =>
    put(`${incident}end.json`, json(endOf(id))),
  ),
  row(on, "an end that a stranger has signed", stays, async ({ put, incident, id, byStranger }) =>
    put(`${incident}end.json`, await writeNote(endOf(id), byStranger)),
  ),
  row(on, "the true end of an older incident", stays, async ({ put, vault, incident, older }) =>
    put(`${incident}end.json`, Buffer.from((await vault.get(`${older}end.json`)).body)),
  ),
  row(on, "a true begin in the place of its end", stays, async ({ put, vault, incident }) =>
    put(`${incident}end.json`, Buffer.from((await vault.get(`${incident}begin.json`)).body)),
  ),
  row(on, "an end below another name", stays, async ({ put, vault, incident, older }) =>
    put(`${incident}begin.json.end.json`, Buffer.from((await vault.get(`${older}end.json`)).body)),
  ),
  row(on, "forty ends that are none, before the owner's own", "success", async ({ put, incident, end }) => {
    for (let n = 0; n < 40; n++) await put(`${incident}end.json`, json({ n }));
    await end();
  }),
  row(on, "an end of a megabyte", stays, ({ put, incident }) =>
    put(`${incident}end.json`, Buffer.alloc(1024 * 1024, "x")),
  ),
  row(over, "its end is hidden by a delete marker", "success", ({ hide, incident }) => hide(`${incident}end.json`)),
  row(over, "something is laid over its end", "success", ({ put, incident }) => put(`${incident}end.json`, json({}))),
  row(over, "its begin is written again", "success", async ({ put, vault, incident }) =>
    put(`${incident}begin.json`, Buffer.from((await vault.get(`${incident}begin.json`)).body)),
  ),
  row(over, "another begins beside it, without a signature", stays, ({ put }) =>
    put("incident/x/begin.json", json({})),
  ),
];
