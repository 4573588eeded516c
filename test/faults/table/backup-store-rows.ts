import type { Matching, Trap } from "../proxy/http-faults.ts";
import type { HttpFaultProxy } from "../proxy/http-proxy.ts";
import type { BackupRow } from "./backup-scene.ts";
import type { Outcome } from "./row.ts";

/** The first request of each stage that the store sees. */
const stages = {
  preflight: { method: "HEAD" },
  lease: { method: "PUT", url: /\/leases\// },
  leftovers: { method: "GET", url: /prefix=database/ },
  keys: { method: "PUT", url: /\/keys\.pgp/ },
  schema: { method: "PUT", url: /\/schema\.dump/ },
  data: { method: "PUT", url: /\/data\// },
  "read-back": { method: "GET", url: /\/data\/.*x-id=GetObject/ },
  inventory: { method: "PUT", url: /\/inventory\.json/ },
  "recover page": { method: "PUT", url: /\/RECOVER\.md/ },
  signature: { method: "PUT", url: /\/manifest\.json\.sig/ },
  publish: { method: "PUT", url: /\/manifest\.json(\?(?!retention)|$)/ },
  lock: { method: "PUT", url: /[?&]retention/ },
} as const satisfies Record<string, Matching>;

type Stage = keyof typeof stages;
type Lay = (proxy: HttpFaultProxy, on: Matching) => Trap;

const always = Number.POSITIVE_INFINITY;

/** What passes, so that the run must outlive it. */
const passing = {
  "500 once": (proxy, on) => proxy.answer(on, 500, "InternalError"),
  "503 twice": (proxy, on) => proxy.answer({ ...on, times: 2 }, 503, "SlowDown"),
  "400 RequestTimeout once": (proxy, on) => proxy.answer(on, 400, "RequestTimeout"),
  "connection reset": (proxy, on) => proxy.cut(on, "at-once"),
  "reset in the middle of the request": (proxy, on) => proxy.cut(on, "in-request", 100),
  "reset in the middle of the answer": (proxy, on) => proxy.cut(on, "in-answer", 100),
  "answer lost": (proxy, on) => proxy.loseAnswer(on),
  stall: (proxy, on) => proxy.hold(on),
  "byte changed on its way": (proxy, on) => proxy.flipByte(on, "request", 60),
  slow: (proxy, on) => proxy.slow(on, on.method === "GET" ? "answer" : "request", 20_000),
  "ETag that lies": (proxy, on) => proxy.replaceAnswerHeader({ ...on, times: always }, "etag", `"${"0".repeat(32)}"`),
} as const satisfies Record<string, Lay>;

/** What stays. From `on` on, nothing else is answered to any request that looks like `url`. */
function fromThereOn(proxy: HttpFaultProxy, on: Matching, url: RegExp, status: number, code: string): Trap {
  const trap = proxy.answer(on, status, code);
  void trap.hit.then(() => proxy.answer({ url, times: always }, status, code));
  return trap;
}

const staying = {
  "503 for ever": (proxy, on) => proxy.answer({ ...on, times: always }, 503, "SlowDown"),
  "silence for ever": (proxy, on) => proxy.hold({ ...on, times: always }),
  "connections reset for ever": (proxy, on) => proxy.cut({ ...on, times: always }, "at-once"),
  "credentials expire": (proxy, on) => fromThereOn(proxy, on, /./, 403, "ExpiredToken"),
  "bucket policy changes": (proxy, on) => fromThereOn(proxy, on, /\/database\//, 403, "AccessDenied"),
  "store full": (proxy, on) => proxy.answer({ ...on, times: always }, 507, "InsufficientStorage"),
  "answer lost, then the store is gone": (proxy, on) => {
    const trap = proxy.loseAnswer(on);
    void trap.hit.then(() => proxy.cut({ times: always }, "at-once"));
    return trap;
  },
  "altered byte in what is stored": (proxy, on) => proxy.flipByte(on, "answer", 1000),
  "truncated object": (proxy, on) => proxy.truncateAnswer({ ...on, times: always }, 50),
  "said to be stored, and is not": (proxy, on) => proxy.answer(on, 200, ""),
  "object gone": (proxy, on) => proxy.answer(on, 404, "NoSuchKey"),
} as const satisfies Record<string, Lay>;

function row(kind: string, stage: Stage, lay: Lay, outcome: Outcome, code?: string | RegExp): BackupRow {
  return {
    ...{ kind, stage, outcome, ...(code && { code }) },
    inject: ({ store }) => {
      const trap = lay(store, stages[stage]);
      return { hit: () => trap.hits > 0 };
    },
  };
}

const outlived = (stage: Stage, ...kinds: (keyof typeof passing)[]): BackupRow[] =>
  kinds.map((kind) => row(kind, stage, passing[kind], "success"));

const ends = (stage: Stage, kind: keyof typeof staying, code: string | RegExp, outcome?: Outcome): BackupRow =>
  row(kind, stage, staying[kind], outcome ?? "failed, no manifest", code);

export const backupStoreRows: readonly BackupRow[] = [
  ...outlived("preflight", "500 once", "503 twice", "connection reset", "stall"),
  ends("preflight", "credentials expire", "preflight-failed", "refused before writing"),
  ends("preflight", "503 for ever", "preflight-failed|s3-unavailable", "refused before writing"),
  ...outlived("lease", "503 twice", "answer lost", "connection reset", "byte changed on its way"),
  ends("lease", "503 for ever", "s3-unavailable", "failed, no manifest"),
  ends("lease", "credentials expire", "s3-credentials", "refused before writing"),
  ends("lease", "said to be stored, and is not", "lease-"),
  ...outlived("leftovers", "500 once", "reset in the middle of the answer"),
  ends("leftovers", "bucket policy changes", "s3-denied"),
  ...outlived("keys", "503 twice", "answer lost", "byte changed on its way"),
  ends("keys", "store full", "s3-"),
  ends("keys", "credentials expire", "s3-credentials"),
  ...outlived("schema", "500 once", "reset in the middle of the request", "stall", "byte changed on its way"),
  ends("schema", "bucket policy changes", "s3-denied"),
  ends("schema", "store full", "s3-"),
  ...outlived("data", "500 once", "503 twice", "400 RequestTimeout once", "connection reset", "answer lost"),
  ...outlived("data", "stall", "byte changed on its way", "slow", "ETag that lies"),
  ends("data", "503 for ever", "s3-unavailable"),
  ends("data", "silence for ever", "s3-unavailable"),
  ends("data", "connections reset for ever", "s3-unavailable"),
  ends("data", "credentials expire", "s3-credentials"),
  ends("data", "bucket policy changes", "s3-denied"),
  ends("data", "store full", "s3-"),
  ...outlived("read-back", "500 once", "connection reset", "reset in the middle of the answer", "slow"),
  ...outlived("read-back", "ETag that lies"),
  ends("read-back", "altered byte in what is stored", "stored-differs"),
  ends("read-back", "truncated object", "stored-differs|s3-unavailable"),
  ends("read-back", "object gone", "stored-differs"),
  ends("read-back", "bucket policy changes", "s3-denied"),
  ...outlived("inventory", "503 twice", "answer lost"),
  ends("inventory", "credentials expire", "s3-credentials"),
  ...outlived("recover page", "answer lost", "500 once"),
  ends("recover page", "store full", "s3-"),
  ...outlived("signature", "503 twice", "answer lost"),
  ends("signature", "connections reset for ever", "s3-unavailable"),
  ...outlived(
    "publish",
    "500 once",
    "503 twice",
    "answer lost",
    "connection reset",
    "stall",
    "byte changed on its way",
  ),
  ...outlived("publish", "reset in the middle of the request"),
  ends("publish", "503 for ever", "s3-unavailable"),
  ends("publish", "credentials expire", "s3-credentials"),
  ends("publish", "store full", "s3-"),
  ends("publish", "answer lost, then the store is gone", "s3-unavailable", "published, then failed by name"),
  ...(["keys", "schema", "data", "inventory", "recover page", "signature", "publish"] as const).map((stage) =>
    ends(stage, "said to be stored, and is not", "stored-differs"),
  ),
  ...outlived("lock", "503 twice", "answer lost", "connection reset"),
  ends("lock", "said to be stored, and is not", "lock-failed", "published, then failed by name"),
  ends("lock", "bucket policy changes", "s3-denied", "published, then failed by name"),
  ends("lock", "503 for ever", "s3-unavailable", "published, then failed by name"),
];
