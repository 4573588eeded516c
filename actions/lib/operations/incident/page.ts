import { countOf, formatBytes } from "../../base/measures.ts";
import type { Policy } from "../../config/policy/policy.ts";
import type { Page } from "../../report/page.ts";
import { describeIncident } from "../../vault/incident/state.ts";
import type { BackupResult } from "../backup/result.ts";
import type { Told } from "../operation.ts";
import type { Begun, Step } from "./begin.ts";
import type { Ended } from "./end.ts";
import { type BucketState, idsOn } from "./vaults.ts";

/** What an incident does not stop, and nobody should believe it does. */
const unstopped = [
  "Auth cannot be switched off: sessions and logins go on. Rotate keys, sign people out, or disable sign-ups in the dashboard.",
  "Storage's files may still be served from caches (CDN) after a policy was tightened: copies live on.",
  "Who has a database password is still connected: change it, or restrict the network in the dashboard (Database Settings).",
  "Rules of the bucket itself (lifecycle, replication) go on, and Lifeboat never changes them: look at them by hand.",
];

const runbook = "runbooks/incident.md";

/** What a begin has done, what it could not do, what it cannot stop, who has to hear of it, what comes next. */
export function reportBegin(begun: Begun, set: Step<BackupResult> | undefined, { incident: policy }: Policy): Told {
  const { incident, others, notOn, dataApi, held, evidence, seconds, outcome, signed } = begun;
  const outputs = { incident, on: outcome === "begun" ? "true" : String(others.length > 0) };
  if (outcome === "would-begin") {
    const sentence = `Dry run: an incident would begin in ${begun.buckets.join(" and ")}; nothing was written.`;
    return { result: begun, page: { title: "Incident", sentence, tables: [], notes: already(others) }, outputs };
  }
  const problems = [
    ...notOn.map(({ bucket, why }) => `In bucket ${bucket} it is NOT on: ${why}`),
    ...(dataApi !== null && "failed" in dataApi ? [`The Data API is NOT known to be off: ${dataApi.failed}`] : []),
    ...held.flatMap((one) => ("failed" in one ? [`Not held: ${one.failed}`] : [])),
    ...held.flatMap((one) =>
      "done" in one && one.done.incomplete > 0
        ? [
            `Of set ${one.done.set} ${countOf(one.done.incomplete, "object")} could not be held (${one.done.why}); the register has it: \`lifeboat hold ${one.done.set}\` finishes it`,
          ]
        : [],
    ),
    ...("failed" in evidence ? [`No evidence was kept: ${evidence.failed}`] : []),
    ...(set !== undefined && "failed" in set ? [`No set was made: ${set.failed}`] : []),
  ];
  const page: Page = {
    title: `Incident ${incident}`,
    sentence: `Incident ${incident} is on in ${begun.buckets.join(" and ")} (written after ${seconds.state} s, all of its begin took ${seconds.all} s): nothing is forgotten until it ends.`,
    tables: [...steps(begun, set), evidenceTable(evidence)],
    notes: [
      ...problems,
      ...already(others),
      ...(held.length > 0 ? [] : ["Nothing is held: the vault has no set yet whose signature counts."]),
      ...(signed ? [] : ["Its begin is not signed; it counts all the same."]),
      ...(begun.buckets.length + notOn.length > 1
        ? []
        : [
            "Only one bucket is set here. Where database and files have one each, begin it with both: the other knows nothing of it.",
          ]),
      ...unstopped.map((line) => `Not stopped: ${line}`),
      ...policy.tell.map((who) => `Tell: ${who}`),
      "Tell: whoever runbooks/contacts.md names for it.",
      `Next: find out what happened with the evidence, revoke what was stolen, then restore or repair from a set without the mark (\`lifeboat list\`). \`lifeboat incident end --reason …\` lets things go on. See ${runbook}.`,
    ],
  };
  const told: Told = { result: { ...begun, set: set ?? null }, page, outputs, news: "begun" };
  if (problems.length === 0) return told;
  const next = `The incident is on. Do by hand what is named, by ${runbook}.`;
  return { ...told, failure: { code: "incident-incomplete", message: problems.join(" "), next } };
}

function already(others: readonly string[]): string[] {
  if (others.length === 0) return [];
  return [
    `${countOf(others.length, "incident was", "incidents were")} on already: ${others.join(", ")}. One end ends all.`,
  ];
}

function steps({ dataApi, held }: Begun, set: Step<BackupResult> | undefined): Page["tables"] {
  const rows = [
    ...(dataApi === null || "failed" in dataApi
      ? []
      : [
          [
            "Data API",
            dataApi.done.state === "off"
              ? "off; how it was set is noted"
              : `was off already${dataApi.done.notedBy === null ? ", and nothing is noted: it stays off at the end" : `; incident ${dataApi.done.notedBy} has noted how it was set`}`,
          ],
        ]),
    ...held.flatMap((one) =>
      "done" in one
        ? [["held", `${one.done.set}, the ${one.done.what}: ${countOf(one.done.versions, "object version")}`]]
        : [],
    ),
    ...(set !== undefined && "done" in set ? [["set", `${set.done.set}, under the mark`]] : []),
  ];
  return rows.length === 0 ? [] : [{ title: "Done", header: ["what", "result"], rows }];
}

function evidenceTable(evidence: Begun["evidence"]): Page["tables"][number] {
  const exhibits = "done" in evidence ? evidence.done.exhibits : [];
  return {
    title: "done" in evidence ? `Evidence in s3://${evidence.done.bucket}/${evidence.done.prefix}` : "Evidence",
    header: ["what", "rows", "stored", "state"],
    rows: exhibits.map(({ name, rows, storedBytes, cut, problem }) => [
      ...[name, String(rows), formatBytes(storedBytes)],
      problem === null ? (cut ? "kept, cut" : "kept") : `not kept: ${problem}`,
    ]),
  };
}

const apiWords: Readonly<Record<Ended["dataApi"]["state"], string>> = {
  "not-noted": "No incident has switched the Data API off.",
  "put-back": "The Data API is on again, exactly as it was noted, and read back.",
  "as-noted": "The Data API is set as it was noted: nothing had to be put back.",
  changed: "Somebody has set the Data API otherwise meanwhile: it was left so.",
  "left-off": "The Data API was left as it is (--api-off). How it was set is noted in incident/<id>/api.json.",
};

const onlyOneEnded =
  "Only one bucket is set here. Where database and files have one each, end it with both: in the other it may still be on.";

export function reportEnd(ended: Ended): Told {
  const { outcome, incidents, buckets, dataApi } = ended;
  const ids = incidents.join(", ");
  const sentence = {
    ended: `Ended: ${ids}. Retention and all that was refused may go on. Now review the pages that were followed, ${runbook} and runbooks/contacts.md: correct what was otherwise, and date them.`,
    "nothing-on": `No incident is on in ${buckets.join(" and ")}.`,
    "would-end": `Dry run: ${ids} would end; nothing was written.`,
  }[outcome];
  const notes =
    outcome === "ended"
      ? [
          apiWords[dataApi.state],
          ...dataApi.distrusted.map(
            (id) =>
              `ALARM: incident ${id} has a record of the Data API's setting that no pinned key has signed. It was not used: look at the setting by hand.`,
          ),
          "What was made meanwhile keeps its mark: it is never the newest good set. Make a set now: `lifeboat backup --tier daily`.",
          ...(buckets.length > 1 ? [] : [onlyOneEnded]),
          "The holds stay until somebody releases them: `lifeboat holds`, `lifeboat release`.",
        ]
      : [];
  const told: Told = {
    result: ended,
    page: { title: "Incident", sentence, tables: [], notes },
    outputs: { incident: incidents[0] ?? "", on: String(outcome === "would-end") },
    ...(outcome === "nothing-on" && { skipped: true }),
    ...(outcome === "ended" && { news: "over" }),
  };
  if (dataApi.distrusted.length === 0) return told;
  return {
    ...told,
    failure: {
      code: "vault-meddled",
      message: notes[1] ?? "",
      next: "Find out who wrote it: runbooks/vault-meddled.md.",
    },
  };
}

/** Whether one is on, in each bucket. */
export function reportStatus(states: readonly BucketState[], { incident: policy }: Policy): Told {
  const on = idsOn(states);
  const rows = states.flatMap(({ vault, state }) =>
    state.on
      ? state.all.map(({ id, since, reason, problem }) => [vault.bucket, id, since ?? "?", problem ?? "signed", reason])
      : [[vault.bucket, "none", "", "", ""]],
  );
  const first = states.map(({ state }) => state).find((state) => state.on);
  const isOn = first?.on === true;
  const missing = isOn ? states.filter(({ state }) => !state.on).map(({ vault }) => vault.bucket) : [];
  const sentence = first?.on === true ? describeIncident(first) : "no incident is on";
  return {
    result: {
      on: isOn,
      incidents: on,
      buckets: states.map(({ vault, state }) => ({ bucket: vault.bucket, ...state })),
    },
    page: {
      title: "Incident",
      sentence: `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`,
      tables: isOn ? [{ header: ["bucket", "incident", "since", "state", "reason"], rows }] : [],
      notes: isOn
        ? [
            ...missing.map((bucket) => `In bucket ${bucket} it is NOT on: begin it again with both buckets set.`),
            `After ${countOf(policy.longestDays, "day")} it is an alarm. To end it: \`lifeboat incident end --reason …\` (${runbook}).`,
          ]
        : [],
    },
    outputs: { incident: on[0] ?? "", on: String(isOn) },
  };
}
