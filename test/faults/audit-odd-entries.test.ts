import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SignBytes, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { canonicalText, entryKey, hashOf, parseEntry } from "../../actions/lib/vault/audit/entry.ts";
import { readTrailFolder } from "../../actions/lib/vault/audit/read-trail.ts";
import { auditScript } from "../../actions/lib/vault/audit/script.ts";
import { type Anchor, verifyTrail } from "../../actions/lib/vault/audit/verify.ts";
import { draftAt, draftOf, layDown, makeTrail, type Trail, trailSigner } from "./audit/trail.ts";

/**
 * Bytes that two readers of JSON could take differently, and forks that are right in themselves: Lifeboat and the script of stock tools have to
 * say the same of each. Entry 9 is before the last head that was told, entry 12 behind it.
 */

const [before, behind] = [9, 12];
let folder: string;
let publicKey: string;
let sign: SignBytes;
let trust: NonNullable<Parameters<typeof verifyTrail>[2]>;
let trail: Trail;
let anchors: readonly Anchor[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-odd-entries-"));
  const signer = await trailSigner();
  ({ publicKey, sign } = signer);
  trust = (bytes, armored) => verifyDetached(bytes, armored, signer.signers);
  const long = await makeTrail(12, sign);
  trail = long.trail;
  anchors = long.anchors.filter(({ count }) => count <= 10);
  await writeFile(join(folder, "verify-audit.sh"), auditScript());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const textOf = (number: number): string => Buffer.from(trail.get(number) ?? []).toString();
/** Other bytes in a place, from those that lie there. */
const rewritten = (change: (text: string) => string | Buffer) => (number: number) =>
  new Map([...trail, [number, Buffer.from(change(textOf(number)))]]);
/** Another entry there, signed by the true key. */
const signedAnew = (change: (entry: Record<string, unknown>) => unknown) => async (number: number) => {
  const { entry } = parseEntry(trail.get(number) ?? new Uint8Array()) ?? {};
  const changed = change({ ...entry });
  const signature = await sign(Buffer.from(canonicalText(changed)));
  return new Map([...trail, [number, Buffer.from(`${canonicalText({ entry: changed, signature })}\n`)]]);
};

const odd: Readonly<Record<string, (number: number) => Trail | Promise<Trail>>> = {
  "a byte order mark": rewritten((text) => `\uFEFF${text}`),
  "a carriage return": rewritten((text) => text.replace(/\n$/, "\r\n")),
  "no line's end": rewritten((text) => text.trimEnd()),
  "a blank line more": rewritten((text) => `${text}\n`),
  "two entries in one": rewritten((text) => text + text),
  "a name twice": rewritten((text) => text.replace('"event":', '"event":"begin","event":')),
  "an outer name twice": rewritten((text) => text.replace(/,"signature":/, ',"signature":null,"signature":')),
  "a space": rewritten((text) => text.replace('"event":', '"event": ')),
  "a letter written as an escape": rewritten((text) => text.replace('"octocat"', '"\\u006fctocat"')),
  "a slash written as an escape": rewritten((text) => text.replace("lifeboat-audit/1", "lifeboat-audit\\/1")),
  "a number with an exponent": rewritten((text) => text.replace('"attempt":1,', '"attempt":1e0,')),
  "a number with a fraction of nothing": rewritten((text) => text.replace('"attempt":1,', '"attempt":1.0,')),
  "bytes that are no UTF-8": rewritten((text) =>
    Buffer.concat([Buffer.from(text.slice(0, -2)), Buffer.from([0xff, 0xfe])]),
  ),
  "a byte of nothing": rewritten((text) => text.replace("octocat", "octo\0cat")),
  "no JSON": rewritten(() => "entry\n"),
  "a bare null": rewritten(() => "null\n"),
  "a list": rewritten((text) => `[${text.trimEnd()}]\n`),
  nothing: rewritten(() => ""),
  "a hundred megabytes": (number) => new Map([...trail, [number, Buffer.alloc(100 * 1024 * 1024, 0x20)]]),
  "an entry larger than one can be": signedAnew((entry) => ({ ...entry, target: "x".repeat(70_000) })),
  "a number beyond what a float holds": signedAnew((entry) => ({ ...entry, number: 1e20 })),
  "an attempt beyond what a float holds": signedAnew((entry) => ({
    ...entry,
    who: { ...(entry["who"] as object), attempt: 2 ** 53 },
  })),
  "a negative number": signedAnew((entry) => ({ ...entry, number: -1 })),
  "a name more": signedAnew((entry) => ({ ...entry, more: 1 })),
  "a name of a prototype": signedAnew((entry) =>
    Object.assign(Object.create(null), entry, JSON.parse('{"__proto__":{"number":1}}')),
  ),
  "the constructor's name": signedAnew((entry) => ({ ...entry, constructor: "x" })),
  "a day that is none": signedAnew((entry) => ({ ...entry, at: "2026-02-30T00:00:00.000Z" })),
  "an hour that is none": signedAnew((entry) => ({ ...entry, at: "2026-02-03T25:00:00.000Z" })),
  "another time, signed": signedAnew((entry) => ({ ...entry, at: "2026-01-05T00:00:00.000Z" })),
  "the id of another run, signed": signedAnew((entry) => ({ ...entry, id: "00000000000000ff" })),
  "a control character, signed": signedAnew((entry) => ({ ...entry, operation: "back\u0007up" })),
  "an invisible character, signed": signedAnew((entry) => ({
    ...entry,
    who: { ...(entry["who"] as object), actor: "octo\u202ecat" },
  })),
  "the ids of a begin and an end swapped": async (number) => {
    const other = parseEntry(trail.get(number - 1) ?? new Uint8Array())?.entry.id ?? "";
    return signedAnew((entry) => ({ ...entry, id: other }))(number);
  },
  "a fork from here on, with the true key": async (number) => {
    const forked = new Map([...trail].filter(([one]) => one < number));
    let head = { count: number - 1, sha256: hashOf(forked.get(number - 1) ?? new Uint8Array()) as string | null };
    for (let one = number; one <= 14; one++) head = await layDown(forked, draftOf(one, "weekly"), head, sign);
    return forked;
  },
  "unsigned entries behind the end": async () => {
    const more = new Map(trail);
    let head = { count: 12, sha256: hashOf(trail.get(12) ?? new Uint8Array()) as string | null };
    for (let one = 0; one < 3; one++) head = await layDown(more, { ...draftAt(trail, 2 + one) }, head, sign);
    return more;
  },
  "an entry behind a gap of a thousand": async () => {
    const more = new Map(trail);
    await layDown(more, draftOf(4), { count: 1012, sha256: "0".repeat(64) }, sign);
    return more;
  },
  "an unsigned one behind a gap of a thousand": async () => {
    const more = new Map(trail);
    await layDown(more, draftOf(6), { count: 1012, sha256: "0".repeat(64) }, sign);
    return more;
  },
};

/** A head tells of what lies before it: there every change is found. Behind the last one it is what an entry may look like that decides. */
const places = process.env["LIFEBOAT_AUDIT_TAMPERINGS"] === undefined ? [behind] : [before, behind];
const cases = Object.entries(odd).flatMap(([name, change]) => places.map((number) => [name, number, change] as const));

test.each(cases)("of %s in place %i both say the same", async (name, number, change) => {
  const some = await change(number);
  const place = join(folder, `${name.replaceAll(/\W+/g, "-")}-${number}`);
  for (const [one, bytes] of some) {
    const path = join(place, entryKey(one));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
  await writeFile(join(place, "keys.asc"), publicKey);
  const heads = anchors.flatMap(({ count, sha256 }) => ["--head", `${count}:${sha256}`]);
  const { objects } = await readTrailFolder(place);
  const { problems, provenTo, unsigned, strangers } = await verifyTrail(objects, anchors, trust);
  const { status, stdout, stderr } = spawnSync("bash", [join(folder, "verify-audit.sh"), place, ...heads], {
    encoding: "utf8",
  });
  await rm(place, { recursive: true });
  const [first] = problems;
  const said = {
    first: /^first (.*)$/m.exec(stdout)?.[1],
    proven: Number(/^proven to (\d+)$/m.exec(stdout)?.[1]),
    unsigned: Number(/^unsigned (\d+)$/m.exec(stdout)?.[1]),
    strangers: (/^put there by strangers (.*)$/m.exec(stdout)?.[1] ?? "").split(" ").filter(Boolean).map(Number).sort(),
    status,
  };
  expect(said, stdout + stderr).toEqual({
    first: first && `${first.number} ${first.fault}`,
    ...{ proven: provenTo, unsigned: unsigned.length, strangers: [...strangers].sort() },
    status: first === undefined ? 0 : 1,
  });
  const changed = hashOf(some.get(number) ?? new Uint8Array()) !== hashOf(trail.get(number) ?? new Uint8Array());
  // A fork with the true key shows at the head that was told next.
  if (number === before && changed) expect([before, 10]).toContain(first?.number);
});
