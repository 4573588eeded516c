import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import type { Clock } from "../../base/flow/clock.ts";
import type { Log } from "../../base/log.ts";
import { openDocument, sealDocument } from "../../seal/body/document.ts";
import type { Recipient } from "../../seal/keys/keyring.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import { readNote, type SignBytes, writeNote } from "../../seal/keys/signature.ts";
import { newSetId } from "../../vault/format/manifest.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { PhaseRecord, PhaseTime } from "./phases.ts";
import type { StateStore, StoredState } from "./state-store.ts";

const time = z.iso.datetime();
const words = z.string().max(500);

/** Facts of a scenario by name: what a later run needs to go on, and no more. Its own code knows their form. */
export type Facts = Readonly<Record<string, unknown>>;

const documentSchema = z.strictObject({
  format: z.literal("lifeboat-recovery/1"),
  recovery: z.string(),
  scenario: z.string(),
  begunAt: time,
  /** Counts up with each write: of several states that are signed, the highest is the newest. */
  writes: z.number().int().positive(),
  /** What people did for it: each time that somebody began it, took it up, or said something that it waited for. */
  human: z.array(z.strictObject({ at: time, by: words, what: words })),
  times: z.array(z.strictObject({ phase: words, begunAt: time, endedAt: time, late: z.boolean() })),
  facts: z.record(z.string(), z.unknown()),
  /** Null: it is under way. */
  ended: z.strictObject({ at: time, how: z.enum(["handed over", "given up"]) }).nullable(),
});
type RecoveryDocument = z.output<typeof documentSchema>;

/** By whom and for whom states are written, and whose count. */
export interface StateKeys {
  /** Opens what earlier runs have sealed. */
  readonly opening: UnlockedKey;
  /** Signs, with the same key. */
  readonly sign: SignBytes;
  /** Whose signature counts: people's keys, operations and escrow. */
  readonly verify: VerifySignature;
  /** Operations and escrow, as far as they are pinned. */
  readonly recipients: readonly Recipient[];
}

interface Said {
  /** Who, in words. */
  readonly by: string;
  readonly what: string;
}

/**
 * The state of one recovery: which phases are done, and what a later run needs. It is sealed, because it holds the password of the
 * database that was made, and signed inside, because whoever can write the bucket must not be able to send a recovery elsewhere. Every
 * write is conditional on the one before: of two runs one goes on.
 */
export class RecoveryState implements PhaseRecord {
  #document: RecoveryDocument;
  #mark: string | undefined;
  readonly #store: StateStore;
  readonly #keys: StateKeys;
  readonly #clock: Clock;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    document: RecoveryDocument,
    mark: string | undefined,
    at: { store: StateStore; keys: StateKeys; clock: Clock },
  ) {
    this.#document = document;
    this.#mark = mark;
    this.#store = at.store;
    this.#keys = at.keys;
    this.#clock = at.clock;
  }

  get id(): string {
    return this.#document.recovery;
  }

  get scenario(): string {
    return this.#document.scenario;
  }

  /** ISO 8601: when its first run began. */
  get begunAt(): string {
    return this.#document.begunAt;
  }

  /** So many times it was written. */
  get writes(): number {
    return this.#document.writes;
  }

  get times(): readonly PhaseTime[] {
    return this.#document.times;
  }

  get human(): RecoveryDocument["human"] {
    return this.#document.human;
  }

  get ended(): RecoveryDocument["ended"] {
    return this.#document.ended;
  }

  /** @throws ConfigurationError `recovery-unknown` when they are not in this form: another version has written them */
  facts<T>(schema: z.ZodType<T>): T {
    const read = schema.safeParse(this.#document.facts);
    if (read.success) return read.data;
    throw new ConfigurationError(
      "recovery-unknown",
      `What recovery ${this.id} has noted is not in a form that this version knows, first at ${read.error.issues[0]?.path.join(".") || "its top"}.`,
      "Take it up with the version of Lifeboat that began it, or give it up.",
    );
  }

  /** Adds facts, or replaces those of the same name. Returns when they are safely noted. */
  note(facts: Facts): Promise<void> {
    return this.#write((now) => ({ ...now, facts: { ...now.facts, ...facts } }));
  }

  noteTime(done: PhaseTime): Promise<void> {
    return this.#write((now) => ({ ...now, times: [...now.times, done] }));
  }

  /** Somebody has done something for it. */
  noteHuman({ by, what }: Said): Promise<void> {
    const at = this.#now();
    return this.#write((now) => ({
      ...now,
      human: [...now.human, { at, by: by.slice(0, 500), what: what.slice(0, 500) }],
    }));
  }

  end(how: "handed over" | "given up"): Promise<void> {
    const at = this.#now();
    return this.#write((now) => ({ ...now, ended: { at, how } }));
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }

  /** One write after the other. @throws OperationError `recovery-taken` when somebody else has written meanwhile */
  #write(change: (now: RecoveryDocument) => RecoveryDocument): Promise<void> {
    const turn = this.#writing.then(async () => {
      const next = { ...change(this.#document), writes: this.#document.writes + 1 };
      this.#mark = await this.#store.write(this.id, await sealed(next, this.#keys), this.#mark);
      this.#document = next;
    });
    this.#writing = turn.catch(() => undefined);
    return turn;
  }
}

async function sealed(document: RecoveryDocument, { sign, recipients }: StateKeys): Promise<Uint8Array> {
  return sealDocument(await writeNote(document, sign), recipients);
}

export interface StateAccess {
  readonly store: StateStore;
  readonly keys: StateKeys;
  readonly clock: Clock;
}

/** Begins a recovery: its state is there when this returns. @throws what the store throws */
export async function beginState(
  { scenario, facts, human }: { readonly scenario: string; readonly facts: Facts; readonly human: Said },
  access: StateAccess,
): Promise<RecoveryState> {
  const at = new Date(access.clock.now());
  const begunAt = at.toISOString();
  const recovery = newSetId(at);
  const said = { at: begunAt, by: human.by.slice(0, 500), what: human.what };
  const document: RecoveryDocument = {
    ...{ format: "lifeboat-recovery/1", recovery, scenario, begunAt, writes: 1 },
    ...{ human: [said], times: [], facts: { ...facts }, ended: null },
  };
  const mark = await access.store.write(recovery, await sealed(document, access.keys), undefined);
  return new RecoveryState(document, mark, access);
}

/** What came last is so new that a recovery may be under way below it. */
const doubtMillis = 7 * 86_400_000;

/**
 * One recovery. What does not open, or that no key of people has signed, counts for nothing and is warned of; of several versions the newest
 * that counts is taken, so that an older one that somebody has put over it, or a marker that hides it, changes nothing.
 *
 * @param doubt told where none counts and yet one may be there: more lies there than is read, or what lies there is new. Somebody may
 * have laid it over a recovery that is under way.
 * @returns undefined where none is that counts
 */
export async function readState(
  id: string,
  access: StateAccess,
  log: Log,
  doubt?: (what: string) => void,
): Promise<RecoveryState | undefined> {
  const { versions, mark, unread, writtenAt } = await access.store.read(id);
  let newest: RecoveryDocument | undefined;
  let doubtful = 0;
  for (const version of versions) {
    const document = await readVersion(id, version, access.keys);
    if (document === undefined) doubtful++;
    else if (newest === undefined || document.writes > newest.writes) newest = document;
  }
  if (doubtful > 0)
    log.warn(
      `recoveries/${id} in ${access.store.where}: ${doubtful} of its states do not open with this key, or no key of people has signed them. They count for nothing.`,
    );
  const fresh = writtenAt !== undefined && access.clock.now() - writtenAt.getTime() < doubtMillis;
  if (newest === undefined && (unread > 0 || (doubtful > 0 && fresh)))
    doubt?.(`recoveries/${id} in ${access.store.where} (${doubtful + unread} versions, none of them believed)`);
  return newest && new RecoveryState(newest, mark, access);
}

async function readVersion(id: string, { bytes }: StoredState, { opening, verify }: StateKeys) {
  try {
    const note = await readNote(await openDocument(bytes, opening, `The state of recovery ${id}`), verify);
    const document = documentSchema.safeParse(note?.document).data;
    return note?.trusted === true && document?.recovery === id ? document : undefined;
  } catch {
    return undefined;
  }
}
