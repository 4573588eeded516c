import { defineOwn, definePolicy } from "./actions/lib/config/policy/policy.ts";

const MiB = 1024 * 1024;

// What differs from owner to owner: `lifeboat init` asks for it and writes these lines. Everything below is meant to be read, and changed.
// answers:begin
const own = defineOwn({
  project: "qimma",
  regions: ["us-east-1", "eu-central-1"],
  supabase: { plan: "pro", region: "us-east-1", pitrDays: 7, snapshotDays: 7 },
  vault: { region: "us-east-1", replicaRegion: "eu-central-1" },
  retentionDays: { daily: 30, weekly: 84, monthly: 2557 },
  stagingRef: null,
});
// answers:end

/** Qimma's policy: what is kept, where, for how long, sealed to whom. Changes go through review. */
export default definePolicy({
  project: { name: own.project },

  // Student records are under FERPA and stay in the United States; eu-central-1 holds the replica and serves the
  // European schools. A bucket anywhere else is refused before the first byte.
  regions: [...own.regions],

  tiers: {
    // Thirty daily sets: a fault that is noticed within a month can still be undone to the day.
    daily: { retentionDays: own.retentionDays.daily, lock: "governance" },
    // Twelve weeks: one school term.
    weekly: { retentionDays: own.retentionDays.weekly, lock: "governance" },
    // Seven years: how long exam results may be contested.
    monthly: { retentionDays: own.retentionDays.monthly, lock: "governance" },
  },

  // Written by `lifeboat keys generate --pin`. A recipient that is not pinned here is refused, so a changed key file
  // alone can't make the backups readable to somebody else.
  // pins:begin
  keys: {
    recipients: { operations: null, prover: null, escrow: null },
    signing: [],
  },
  // pins:end

  backup: {
    // A database that lost half of its rows or bytes since the last set is more likely broken than tidied up.
    smallestShareOfLastSet: 0.5,
    // Time enough to make a new key, have it reviewed, and rewrap the sets.
    warnBeforeKeyExpiryDays: 60,
  },

  source: {
    // A backup begins with two and adds one while that brings more. Over a link of 25 MB/s a connection four do; a fifth
    // finds a GitHub runner's cores busy, and memory has its bound.
    jobs: 4,
    // A lock that isn't ours within this time means that somebody is changing tables: better later than queued behind.
    lockWaitSeconds: 30,
    // An ALTER TABLE may wait for us ten seconds; once queries queue behind it, for one: the students feel it.
    yieldToDdlSeconds: 10,
    // Then the backup starts over. One that begins later than this would outlive the hour that AWS lends the job its role for.
    startOverMinutes: 30,
    // Supabase's smallest session pool has 15 connections; the application needs the others.
    connectionBudget: 10,
    // A larger table travels in slices, side by side: what is lost with a connection, and is read again, is a slice.
    sliceBytes: 64 * MiB,
    // Half of what plan Pro lets be read in a month (250 GB) is the backups'; the users have the rest. A spend cap that is
    // reached would throttle production, so the second set of a day stands back before the sets take more.
    egress: { bytesPerMonth: 250e9, share: 0.5 },
  },

  vault: {
    // 8 MiB × 10,000 parts = 78 GiB an object; a longer artifact becomes segments. Small enough that a few parts in
    // flight, with all that is around them, stay within 256 MB of memory.
    partBytes: 8 * MiB,
    maxParts: 10_000,
    readBack: true,
    // Without it, whoever holds the bucket's credentials can delete every backup.
    objectLock: "required",
  },

  // Flexible Retrieval comes back within 5 hours; Deep Archive, cheaper, could not keep a promise of 4 hours even halfway.
  archive: { storageClass: "GLACIER", afterDays: 1 },

  storage: {
    // Every bucket, those that are made later too.
    buckets: "all",
    // The snapshot is published all the same; the run is red, because a restore would lack something.
    failOn: ["lost", "unlike-row", "uncarried-key"],
    // Half of all files gone in a day is more likely an accident than a tidying-up.
    largestVanishingShare: 0.5,
    // Bytes that may be read from Supabase; a run stops before its spend cap does, and the next one goes on.
    egress: { bytesPerRun: null, bytesPerMonth: null },
    // More than this is divided among runners: about two hours' work each, where GitHub allows six.
    fanOut: { filesPerRunner: 500_000, bytesPerRunner: 200 * 1024 * MiB, mostRunners: 8 },
    retention: {
      // Extended once a week while a kept snapshot names the object: short, so that what must be erased can be.
      lockDays: 60,
      // Packs that lost more than two thirds of their bytes are copied anew where the list is written anyway; with months kept
      // for years only those that are all but empty, because until then what was copied is in the vault twice.
      compactBelowShare: 0.3,
    },
  },

  retention: {
    // These stay whatever their age, and so do the newest proven and the newest verified set of each tier.
    keepNewest: 3,
    // When no good set is younger, or no restore test has passed for so long, the old ones are all there is: nothing goes.
    staleDays: 7,
    staleProofDays: 45,
    // A proof may be asked for as long as the results it stands for.
    records: { proofs: 2557, reports: 400, notify: 90, repairs: 400 },
  },

  // Who is told; the ways to them are in the environment (.env.example), and one that is not set is passed over.
  notify: {
    // A failure at once: the first channel that takes it; each that does not is named to the next one and in the report.
    failure: { channels: ["slack", "email", "issue"], reach: "first" },
    // A critical check of the monitor by every channel: the mailbox of people who do not look at Slack is one of them.
    critical: { channels: ["slack", "email", "issue"], reach: "all" },
    // One message a day with the monitor's table and all that ran, by its first run after 09:00 UTC.
    summary: { channels: ["slack", "email"], hour: 9 },
  },

  // What the monitor holds to be bad, and of which checks nobody is told for a while.
  monitor: {
    // A check that could not look for a day is as bad as one that found something.
    unknownHours: 24,
    // A limit that the trend reaches within six weeks is told, within two it is critical: time to buy, to tidy up, or to ask Supabase.
    limitDays: 45,
    // The last day of the environment monitor's SUPABASE_ACCESS_TOKEN, e.g. "2027-06-30": the API does not tell it.
    tokenExpires: null,
    // Written by `lifeboat silence`; thirty days at most, each with its reason, and in the history of this file.
    // silences:begin
    silences: [],
    // silences:end
  },

  // While an incident is on nothing is removed and no new set counts as a good one: after a week somebody has forgotten it.
  incident: {
    longestDays: 7,
    tell: [
      "the owner of the project and the engineer on call",
      "the data protection officer: schools have to hear within 72 hours when personal data is concerned",
      "Supabase support (support.supabase.com) and the owner of the AWS account",
    ],
  },

  // Who did what with the vault. `compliance` would keep each entry even from the account's root: turn it on once the trail has run
  // for a while, because it cannot be turned off for what is written.
  audit: { lock: "governance", lockDays: 400 },

  promises: {
    // The four promises of recovery: how long until it is back (RTO), how much may be lost (RPO). `lifeboat policy check`
    // compares them with what is really there, and ci fails when one is better than the truth.
    scenarios: {
      minorCorruption: { rtoMinutes: 15, rpoMinutes: 2 },
      databaseFailure: { rtoMinutes: 30, rpoMinutes: 2 },
      completeLoss: { rtoMinutes: 120, rpoMinutes: 24 * 60 },
      regionalDisaster: { rtoMinutes: 240, rpoMinutes: 24 * 60 },
    },
    // The two minutes stand on the point-in-time-recovery add-on; without it `own.supabase.pitrDays` is null: see what is left.
    supabase: own.supabase,
    vault: own.vault,
    // Two sets and two copies of the files a day, sometimes three: one every 10 h 18 min at most, GitHub up to 12 h 41 min
    // late, an hour for the run: just under 24 hours (runbooks/decisions/0015). Nothing is accepted as broken.
    accepted: [],
  },

  // A restore names its target here; what the name means stands in the environment, never in an input.
  targets: {
    default: { env: "TARGET" },
    staging: { env: "STAGING" },
  },

  // Once a month a set is restored into staging and looked at: the newest, an older one, the newest again, an archive.
  restoreTest: {
    target: "staging",
    // Ref of the project that may be emptied every month; `lifeboat test-restore --mark-staging <ref>` makes it known there.
    projectRef: own.stagingRef,
    turns: ["newest", "older", "newest", "archive"],
    // Students' data does not stay in staging.
    keepHours: 0,
    checks: [
      {
        kind: "sql",
        name: "every account has its profile",
        query: "select count(*) from auth.users u where not exists (select from public.users p where p.id = u.id)",
        expect: { value: 0 },
      },
      {
        kind: "rls",
        name: "a student sees nobody else",
        query: "select id from public.users",
        people: "select id from auth.users order by created_at limit 2",
      },
    ],
    performance: {
      queries: [
        {
          name: "average by exam",
          query: "select exam_id, avg(score) from public.student_submissions where status = 'graded' group by exam_id",
        },
      ],
      lookups: [{ name: "one student", table: "users", column: "id" }],
    },
  },

  // Where a lost project comes back (runbooks/recover-complete-loss.md). A scenario in another region names it: --region.
  recovery: {
    // Slug of the organisation that new projects are made in. Until it stands here a person makes the project: --target.
    organization: null,
    // The machine is the lost project's, and costs no more than this a month. Above, a person decides before it is made.
    mostUsdPerMonth: 100,
    // Most point-in-time recoveries are back within two minutes. Supabase's longest stuck ones took more than a day.
    planBAfterMinutes: 5,
    // Qimma's migrations live in the application's repository: check it out beside this one and name its folder here, and under
    // `own` the program that fills public.migrations.
    migrations: { folder: null, own: [] },
    // What no program can change for us, in the order in which it has to be done.
    handOver: [
      "The web application: project URL and publishable key in its hosting's settings, then a new deployment",
      "Sign-in with Google: add the new project's callback URL, https://console.cloud.google.com/apis/credentials",
      "DNS and CDN of the address that students use, with the time to live lowered first",
    ],
  },

  // Once a quarter a disaster is played in staging, and what it measured goes into the scenario's runbook by a pull request.
  drill: { target: "staging" },

  // What the owner means to pay a month, in US dollars: the $42 of the first document. `lifeboat cost` shows the truth beside it.
  cost: {
    estimate: { supabase: 25, standard: 10, glacier: 2, transfer: 5 },
    // Point-in-time recovery asks for a compute size of at least small.
    compute: "small",
    // Until the vault or the branch `reports` tells: two gigabytes of rows and 200,000 files.
    assumed: {
      databaseBytes: 2e9,
      databaseGrowthBytesPerMonth: 50e6,
      files: 200_000,
      fileBytes: 60e9,
      newFilesPerMonth: 6000,
      newFileBytesPerMonth: 2e9,
    },
  },

  // What erasing a person means (runbooks/compliance/gdpr-erasure.md). Payments stay by law, so that the account they belong to does, too:
  // without a name, an address, or a way to sign in.
  erasure: {
    subjects: { table: "auth.users", column: "id" },
    identifiers: { email: "email" },
    rules: [
      {
        table: "auth.users",
        find: { column: "id" },
        erase: {
          email: "'erased-' || md5(id::text) || '@erased.invalid'",
          phone: null,
          encrypted_password: null,
          raw_user_meta_data: "'{}'",
        },
      },
      { table: "auth.identities", find: { column: "user_id" }, erase: "delete" },
      { table: "auth.refresh_tokens", find: { column: "user_id" }, erase: "delete" },
      { table: "auth.sessions", find: { column: "user_id" }, erase: "delete" },
      { table: "auth.mfa_factors", find: { column: "user_id" }, erase: "delete" },
      { table: "auth.one_time_tokens", find: { column: "user_id" }, erase: "delete" },
      { table: "auth.audit_log_entries", find: { column: "payload", path: ["actor_id"] }, erase: "delete" },
      {
        table: "public.users",
        find: { column: "id" },
        erase: {
          email: "'erased-' || md5(id::text) || '@erased.invalid'",
          full_name: "'erased'",
          phone: null,
          home: null,
          preferences: "'{}'",
          tags: "'{}'",
          attributes: null,
        },
      },
      { table: "public.student_submissions", find: { column: "student_id" }, erase: "delete" },
      {
        table: "public.attachments",
        find: { column: "submission_id", of: "public.student_submissions", key: "id" },
        erase: "delete",
      },
      {
        table: "public.credit_transactions",
        find: { column: "user_id" },
        keep: "Art. 17(3)(b) GDPR: bookkeeping law asks for payments for ten years",
      },
    ],
    files: [
      { bucket: "exam files", path: "{subject}/" },
      { bucket: "exam files", owner: true },
      { bucket: "avatars", owner: true },
    ],
  },

  // Bringing files back: so many requests keep the endpoint busy and leave it to its users. Up to 20 GiB every
  // restored file is read back; of more, a sample is, and the result says so.
  restoreFiles: { requestsAtOnce: 16, readBackBytes: 20 * 1024 * MiB },
});
