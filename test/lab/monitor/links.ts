import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PutObjectRetentionCommand } from "@aws-sdk/client-s3";
import { setPrefix } from "../../../actions/lib/vault/format/manifest.ts";
import type { SilenceScene } from "./silence-scene.ts";
import type { WatchedVault } from "./watched-project.ts";

/** By what a cut link is noticed, beside the page. */
export type Elsewhere =
  /** A message that names the check. */
  | "Slack"
  | "e-mail"
  /** The watcher outside of GitHub rings. */
  | "watcher"
  /** The run of the workflow fails. */
  | "failed run";

/** One of the links between something that goes wrong and the people who have to know. */
export interface Link {
  /** What is cut, as a row of the table in runbooks/monitor-silent.md. */
  readonly cut: string;
  /** Hours after the cut within which both are red, when the monitor looks every three hours. */
  readonly within: number;
  /** The check that is critical on the page; `no news`: the page says that nobody has renewed it; `clock`: that the reader's is wrong. */
  readonly page: { readonly check: string } | "no news" | "clock" | "no script";
  readonly elsewhere: Elsewhere;
  /** The check that a message names, where the page does not. */
  readonly names?: string;
  /** Within which time, in words, where hours are not what decides. */
  readonly bound?: string;
  /** Before everything: what this row is about is there, and well. */
  readonly prepare?: (scene: SilenceScene) => Promise<void> | void;
  readonly act: (scene: SilenceScene) => Promise<void> | void;
  /** Hours after the cut at which the workflow runs and ends; default: none does. */
  readonly looks?: readonly number[];
}

const day = 86_400_000;
const noNews = { page: "no news", elsewhere: "watcher", within: 16 } as const;

export const links: readonly Link[] = [
  { ...noNews, cut: "GitHub Actions runs nothing", act() {} },
  {
    ...{
      cut: "the schedule of the backups is off",
      within: 3,
      page: { check: "workflows-disabled" },
      elsewhere: "Slack",
    },
    looks: [3],
    act(scene) {
      scene.github.workflows = scene.github.workflows.map((one) =>
        one.file === "backup.yml" ? { ...one, state: "disabled_inactivity" } : one,
      );
    },
  },
  {
    ...{ cut: "the token for Supabase has expired", within: 3, page: { check: "api-token" }, elsewhere: "Slack" },
    looks: [3],
    act({ supabase: { world }, clock }) {
      for (const token of world.tokens) token.expiresAt = clock.now();
    },
  },
  {
    ...{ cut: "Slack has revoked our token", within: 27, page: { check: "alert-channels" }, elsewhere: "e-mail" },
    looks: [3, 27],
    act: ({ slack }) => void slack.troubles.push(...Array<string>(50).fill("token_revoked")),
  },
  {
    ...{ cut: "the mail server is down", within: 27, page: { check: "alert-channels" }, elsewhere: "Slack" },
    looks: [3, 27],
    act(scene) {
      scene.env["SMTP_URL"] = "smtp://alerts:secret@127.0.0.1:9";
    },
  },
  {
    ...{ cut: "the branch reports takes no push", within: 16, page: "no news", elsewhere: "failed run" },
    looks: [3],
    act({ origin }) {
      const hook = join(origin.remote, "hooks/pre-receive");
      writeFileSync(hook, "#!/bin/sh\necho 'GH013: Repository rule violations found' >&2\nexit 1\n");
      chmodSync(hook, 0o755);
    },
  },
  {
    ...{ cut: "a cache shows readers an old page", within: 18, page: "no news", elsewhere: "Slack" },
    ...{ looks: [3, 18], names: "dashboard-published" },
    prepare: (scene) => scene.publish(),
    act: (scene) => scene.freeze(),
  },
  { ...noNews, cut: "the reader's browser runs no script, and nobody looks any more", page: "no script", act() {} },
  { ...noNews, cut: "the reader's clock is a year slow, and nobody looks any more", page: "clock", act() {} },
  {
    ...{ cut: "the replica gets nothing more", within: 3, page: { check: "replica" }, elsewhere: "Slack" },
    looks: [3],
    act: async ({ vault }) => void (await vault.laySet("daily", new Date())),
  },
  {
    ...{ cut: "the bucket's policy lets the monitor read nothing", within: 27, elsewhere: "Slack" },
    ...{ page: { check: "set-daily" }, looks: [3, 27] },
    act: ({ store }) => void store.answer({ times: Number.POSITIVE_INFINITY }, 403, "AccessDenied"),
  },
  {
    ...{
      cut: "Supabase's API answers with a web page",
      within: 27,
      page: { check: "supabase-backups" },
      elsewhere: "Slack",
    },
    looks: [3, 27],
    act: ({ supabase }) => void supabase.world.faults.inject({ kind: "page" }),
  },
  {
    ...{ cut: "the monitor dies before it tells anybody", within: 16, page: "no news", elsewhere: "watcher" },
    looks: [3],
    act(scene) {
      scene.dies = true;
    },
  },
  {
    ...{ cut: "a key expires, and nobody renews it", page: { check: "keys-expiry" }, elsewhere: "Slack" },
    // Keys of the lab are good for more than 730 days and less than 731.
    ...{ within: 717 * 24, looks: [717 * 24], bound: "14 days before" },
    act() {},
  },
  {
    ...{
      cut: "somebody has removed a set's lock",
      within: 3,
      page: { check: "locks" },
      elsewhere: "Slack",
      looks: [3],
    },
    act: async ({ vault }) => {
      const { set } = await vault.laySet("daily", new Date());
      await vault.replicate();
      await unlock(vault, `${setPrefix("daily", set)}manifest.json`);
    },
  },
  {
    ...{ cut: "Supabase makes no daily backups any more", within: 36, page: { check: "supabase-backups" } },
    ...{ elsewhere: "Slack", looks: [12, 36] },
    act(scene) {
      scene.supabaseBacksUp = false;
    },
  },
  {
    ...{ cut: "point-in-time recovery archives nothing more", within: 9, page: { check: "pitr-window" } },
    ...{ elsewhere: "Slack", looks: [3, 9] },
    prepare(scene) {
      scene.env["LIFEBOAT_POLICY"] = scene.vault.policyWith((policy) => {
        const supabase = { ...policy.promises?.supabase, pitrDays: 7 };
        return { ...policy, promises: { ...policy.promises, supabase } };
      });
      scene.project.addons.pitr = "pitr_7";
    },
    act({ project, clock }) {
      project.walStuckAt = clock.now();
    },
  },
  {
    ...{ cut: "backups succeed and hold less and less", within: 3, page: { check: "set-shrinks" }, elsewhere: "Slack" },
    looks: [3],
    act: async ({ vault }) => {
      await vault.laySet("daily", new Date(), 300_000);
      await vault.replicate();
    },
  },
  {
    ...{
      cut: "nothing is proven any more",
      within: 40 * 24,
      bound: "40 days",
      page: { check: "set-proven" },
      elsewhere: "Slack",
    },
    looks: [40 * 24],
    act() {},
  },
  {
    ...{ cut: "the watcher's address is wrong", within: 3, page: { check: "watcher" }, elsewhere: "Slack", looks: [3] },
    act(scene) {
      scene.heartbeats.answerWith(404);
    },
  },
];

async function unlock({ client, vault }: WatchedVault, Key: string): Promise<void> {
  const store = client();
  const Retention = { Mode: "GOVERNANCE", RetainUntilDate: new Date(Date.now() + day) } as const;
  await store.send(
    new PutObjectRetentionCommand({ Bucket: vault.bucket, Key, Retention, BypassGovernanceRetention: true }),
  );
  store.destroy();
}
