import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SignBytes, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { entryKey, hashOf } from "../../actions/lib/vault/audit/entry.ts";
import type { TrustEntries } from "../../actions/lib/vault/audit/find-head.ts";
import { auditScript } from "../../actions/lib/vault/audit/script.ts";
import { type Anchor, verifyTrail } from "../../actions/lib/vault/audit/verify.ts";
import { randomFrom } from "../lab/random.ts";
import { type Tampered, tamperings } from "./audit/tamperings.ts";
import { makeTrail, type Trail, trailSigner } from "./audit/trail.ts";

/**
 * Somebody has all rights on the bucket, and the key that signs. What the trail was at each head that was told elsewhere is what it
 * has to be: each change before the last of them is found, and the first false entry named. 10,000 of them in the long form.
 */

const many = Number(process.env["LIFEBOAT_AUDIT_TAMPERINGS"] ?? 60);
const kinds = Object.entries(tamperings);

let folder: string;
let publicKey: string;
let sign: SignBytes;
let trust: TrustEntries;
let trail: Trail;
let anchors: readonly Anchor[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-tampering-"));
  const signer = await trailSigner();
  ({ publicKey, sign } = signer);
  // What was found good once is good again: most of a trail is as it was.
  const known = new Map<string, ReturnType<typeof verifyDetached>>();
  trust = (bytes, armored) => {
    const name = hashOf(Buffer.concat([bytes, Buffer.from(armored)]));
    const verified = known.get(name) ?? verifyDetached(bytes, armored, signer.signers);
    known.set(name, verified);
    return verified;
  };
  ({ trail, anchors } = await makeTrail(40, sign));
  await writeFile(join(folder, "verify-audit.sh"), auditScript());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Some of the heads, the last one always. */
function someOf(random: () => number): Anchor[] {
  return anchors.filter((_, index) => index === anchors.length - 1 || random() < 0.4);
}

/** The first head that tells of this entry, or of a later one. */
const toldBy = (told: readonly Anchor[], number: number): number =>
  Math.min(...told.map(({ count }) => count).filter((count) => count >= number));

function expectFound(told: readonly Anchor[], { first, rechained }: Tampered, found: number, what: string): void {
  expect(found, what).toBeGreaterThanOrEqual(first);
  expect(found, what).toBeLessThanOrEqual(rechained ? toldBy(told, first) : first);
}

test("a trail that nobody has touched is whole, and every entry of it proven", async () => {
  const verdict = await verifyTrail(trail, anchors, trust);
  expect(verdict).toMatchObject({ problems: [], strangers: [], provenTo: 40, unended: [], clockBack: [] });
  expect(verdict.unsigned).toHaveLength(8);
});

test(`each of ${many} tamperings is found, and the first false entry named`, async () => {
  for (let seed = 0; seed < many; seed++) {
    const [name, tamper] = kinds[seed % kinds.length] ?? [];
    if (tamper === undefined) throw new Error("There are no tamperings.");
    const random = randomFrom(seed);
    const told = someOf(random);
    const tampered = await tamper({ trail, sign, random });
    const { problems, provenTo } = await verifyTrail(tampered.trail, told, trust);
    const what = `${name}, seed ${seed}`;
    expect(problems[0], what).toBeDefined();
    expectFound(told, tampered, problems[0]?.number ?? 0, what);
    expect(provenTo, what).toBeLessThan(tampered.first);
  }
}, 7_200_000);

describe("the script of stock tools", () => {
  async function verdictOf(
    name: string,
    some: Trail,
    told: readonly Anchor[],
  ): Promise<{ code: number; said: string }> {
    const place = join(folder, name);
    await mkdir(join(place, "audit"), { recursive: true });
    for (const [number, bytes] of some) {
      const path = join(place, entryKey(number));
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, bytes);
    }
    await writeFile(join(place, "keys.asc"), publicKey);
    const heads = told.flatMap(({ count, sha256 }) => ["--head", `${count}:${sha256}`]);
    const args = [join(folder, "verify-audit.sh"), place, ...heads];
    return new Promise((resolve) =>
      execFile("bash", args, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }),
      ),
    );
  }

  test("finds a trail that nobody has touched whole", async () => {
    const { code, said } = await verdictOf("whole", trail, anchors);
    expect(code, said).toBe(0);
    expect(said).toMatch(/proven to 40\nunsigned 8\nwhole/);
  });

  test.each(kinds)("says of %s what Lifeboat says", async (name, tamper) => {
    const random = randomFrom(4711);
    const told = someOf(random);
    const tampered = await tamper({ trail, sign, random });
    const { problems, provenTo } = await verifyTrail(tampered.trail, told, trust);
    const { code, said } = await verdictOf(name.replaceAll(/\W+/g, "-"), tampered.trail, told);
    expect(code, said).toBe(1);
    expect(said).toContain(`first ${problems[0]?.number} ${problems[0]?.fault}\n`);
    expect(said).toContain(`proven to ${provenTo}\n`);
  });
});
