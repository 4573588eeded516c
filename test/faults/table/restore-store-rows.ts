import type { Matching, Trap } from "../proxy/http-faults.ts";
import type { HttpFaultProxy } from "../proxy/http-proxy.ts";
import type { RestoreRow } from "./restore-scene.ts";
import type { Outcome } from "./row.ts";

/** What a restore reads. All artifacts are read twice: to be verified, and to be opened. What a plan needs is opened meanwhile. */
const stages = {
  "restore-open": { method: "GET", url: /\/manifest\.json(\?|$)/ },
  "restore-open (signature)": { method: "GET", url: /\/manifest\.json\.sig/ },
  "restore-open (keys)": { method: "GET", url: /\/keys\.pgp/ },
  verify: { method: "GET", url: /\/data\// },
  "restore-open (inventory)": { method: "GET", url: /\/inventory\.json/, nth: 2 },
  "restore-schema": { method: "GET", url: /\/schema\.dump/, nth: 2 },
  "restore-data": { method: "GET", url: /\/data\/01/, nth: 2 },
} as const satisfies Record<string, Matching>;

const always = Number.POSITIVE_INFINITY;

const kinds = {
  "500 once": (proxy, on) => proxy.answer(on, 500, "InternalError"),
  "503 twice": (proxy, on) => proxy.answer({ ...on, times: 2 }, 503, "SlowDown"),
  "503 for ever": (proxy, on) => proxy.answer({ ...on, times: always }, 503, "SlowDown"),
  "connection reset": (proxy, on) => proxy.cut(on, "at-once"),
  "reset in the middle": (proxy, on) => proxy.cut(on, "in-answer", 200),
  stall: (proxy, on) => proxy.hold(on),
  slow: (proxy, on) => proxy.slow(on, "answer", 60_000),
  "altered byte once": (proxy, on) => proxy.flipByte(on, "answer", 100),
  "altered byte always": (proxy, on) => proxy.flipByte({ ...on, times: always }, "answer", 100),
  "truncated always": (proxy, on) => proxy.truncateAnswer({ ...on, times: always }, 90),
  "object gone": (proxy, on) => proxy.answer({ ...on, times: always }, 404, "NoSuchKey"),
  "credentials expire": (proxy, on) => proxy.answer({ ...on, times: always }, 403, "ExpiredToken"),
  "bucket policy changes": (proxy, on) => proxy.answer({ ...on, times: always }, 403, "AccessDenied"),
  "ETag that lies": (proxy, on) => proxy.replaceAnswerHeader({ ...on, times: always }, "etag", '"00"'),
} as const satisfies Record<string, (proxy: HttpFaultProxy, on: Matching) => Trap>;

type Kind = keyof typeof kinds;

function rows(stage: keyof typeof stages, outcome: Outcome, ...named: readonly (Kind | readonly [Kind, string])[]) {
  return named.map((each): RestoreRow => {
    const [kind, code] = typeof each === "string" ? [each, undefined] : each;
    return {
      ...{ kind, stage, outcome, ...(code && { code }) },
      inject: ({ scene }) => {
        const trap = kinds[kind](scene.store, stages[stage]);
        return { hit: () => trap.hits > 0 };
      },
    };
  });
}

const untouched = "refused, target untouched";
const resumes = "fails, then resumes and proves";

export const restoreStoreRows: readonly RestoreRow[] = [
  ...rows("restore-open", "success", "500 once", "connection reset", "ETag that lies"),
  ...rows(
    "restore-open",
    untouched,
    ["altered byte always", "manifest-untrusted"],
    ["truncated always", "manifest-|s3-"],
  ),
  ...rows("restore-open", untouched, ["credentials expire", "s3-credentials"], ["object gone", "set-unknown"]),
  ...rows("restore-open (signature)", untouched, ["altered byte always", "manifest-untrusted"]),
  ...rows("restore-open (signature)", untouched, ["object gone", "manifest-untrusted"]),
  ...rows("restore-open (keys)", "success", "503 twice"),
  ...rows("restore-open (keys)", untouched, "altered byte always", "object gone"),
  ...rows("verify", "success", "503 twice", "reset in the middle", "altered byte once", "stall"),
  ...rows("verify", untouched, ["altered byte always", "set-damaged"], ["truncated always", "set-damaged|s3-"]),
  ...rows("verify", untouched, ["object gone", "set-damaged"], ["503 for ever", "s3-unavailable"]),
  ...rows("restore-open (inventory)", untouched, "altered byte always", ["bucket policy changes", "s3-denied"]),
  ...rows("restore-schema", "success", "500 once", "altered byte once"),
  ...rows("restore-schema", untouched, ["altered byte always", "set-damaged"], ["credentials expire", "s3-cred"]),
  ...rows(
    "restore-data",
    "success",
    "503 twice",
    "connection reset",
    "reset in the middle",
    "slow",
    "altered byte once",
  ),
  ...rows("restore-data", resumes, ["altered byte always", "artifact-damaged"], ["503 for ever", "s3-unavailable"]),
  ...rows("restore-data", resumes, ["credentials expire", "s3-credentials"], ["bucket policy changes", "s3-denied"]),
  ...rows("restore-data", resumes, "truncated always", "object gone"),
];
