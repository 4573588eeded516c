import type { Matching, Trap } from "../proxy/http-faults.ts";
import type { HttpFaultProxy } from "../proxy/http-proxy.ts";
import type { Command, ReadingRow } from "./reading-scene.ts";
import type { Outcome } from "./row.ts";

const manifest = { method: "GET", url: /daily.*\/manifest\.json(\?|$)/ };
const signature = { method: "GET", url: /daily.*\/manifest\.json\.sig/ };
const keys = { method: "GET", url: /daily.*\/keys\.pgp/ };
const data = { method: "GET", url: /daily.*\/data\// };
const inventory = { method: "GET", url: /daily.*\/inventory/ };
const folders = { method: "GET", url: /prefix=database/ };
const newKeys = { method: "PUT", url: /\/keys\.pgp/ };
const always = Number.POSITIVE_INFINITY;

type Lay = (store: HttpFaultProxy) => Trap;
const denied =
  (on: Matching): Lay =>
  (store) =>
    store.answer({ ...on, times: always }, 403, "AccessDenied");
const expired =
  (on: Matching): Lay =>
  (store) =>
    store.answer({ ...on, times: always }, 403, "ExpiredToken");
const busy =
  (on: Matching, times = 2): Lay =>
  (store) =>
    store.answer({ ...on, times }, 503, "SlowDown");
const gone =
  (on: Matching): Lay =>
  (store) =>
    store.answer({ ...on, times: always }, 404, "NoSuchKey");
const altered =
  (on: Matching, times = always): Lay =>
  (store) =>
    store.flipByte({ ...on, times }, "answer", 120);
const truncated =
  (on: Matching): Lay =>
  (store) =>
    store.truncateAnswer({ ...on, times: always }, 80);
const reset =
  (on: Matching): Lay =>
  (store) =>
    store.cut(on, "in-answer", 50);
const lost =
  (on: Matching): Lay =>
  (store) =>
    store.loseAnswer(on);
const stall =
  (on: Matching): Lay =>
  (store) =>
    store.hold(on);

const row = (stage: Command, kind: string, lay: Lay, outcome: Outcome, code?: string): ReadingRow => ({
  ...{ stage, kind, outcome, ...(code && { code }) },
  inject: lay,
});

const byName = "failed by name";
const damage = "damage named";

export const readingRows: readonly ReadingRow[] = [
  row("verify", "503 twice", busy(data), "success"),
  row("verify", "reset in the middle", reset(data), "success"),
  row("verify", "stall", stall(data), "success"),
  row("verify", "altered byte once", altered(data, 1), "success"),
  row("verify", "altered byte always", altered(data), damage),
  row("verify", "object gone", gone(data), damage),
  row("verify", "altered manifest", altered(manifest), byName, "manifest-untrusted"),
  row("verify", "altered signature", altered(signature), byName, "manifest-untrusted"),
  row("verify", "altered keys", altered(keys), damage),
  row("verify", "credentials expire", expired(data), byName, "s3-credentials"),
  row("verify", "503 for ever", busy(data, always), byName, "s3-unavailable"),
  row("verify --deep", "altered inventory", altered(inventory), damage),
  row("verify --deep", "answers cut short", truncated(inventory), byName, "s3-unavailable"),
  row("verify --deep", "bucket policy changes", denied(inventory), byName, "s3-denied"),
  row("verify --deep", "reset in the middle", reset(inventory), "success"),
  row("list", "503 twice", busy(folders), "success"),
  row("list", "reset in the middle", reset(folders), "success"),
  row("list", "credentials expire", expired(folders), byName, "s3-credentials"),
  row("list", "503 for ever", busy(folders, always), byName, "s3-unavailable"),
  row("list", "altered manifest", altered(manifest), damage),
  row("list", "bucket policy changes", denied(manifest), byName, "s3-denied"),
  row("rewrap", "503 twice", busy(newKeys), "success"),
  row("rewrap", "answer lost", lost(newKeys), "success"),
  row("rewrap", "stall", stall(newKeys), "success"),
  row("rewrap", "bucket policy changes", denied(newKeys), byName, "s3-denied"),
  row("rewrap", "503 for ever", busy(newKeys, always), byName, "s3-unavailable"),
  row("rewrap", "said to be stored, and is not", (store) => store.answer(newKeys, 200, ""), byName, "stored-differs"),
  row("rewrap", "altered keys", altered(keys), byName),
  row("rewrap", "what was written is read back altered", altered({ ...keys, nth: 2 }), byName, "stored-differs"),
];
