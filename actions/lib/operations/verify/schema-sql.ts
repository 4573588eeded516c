import { createHash } from "node:crypto";
import type { ClientTools } from "../../postgres/connect/client-tools.ts";
import { SchemaSql, schemaSqlNames } from "../../postgres/dump/pg-dump.ts";
import type { Artifact, Manifest } from "../../vault/format/manifest.ts";
import { type DamageFinding, damageAt, warningAt } from "./verify-objects.ts";

/** Compares the schema as SQL with what is made anew of the schema's dump, as it passes by. */
export class SchemaSqlCheck {
  readonly #tools: ClientTools | null;
  readonly #signal: AbortSignal;
  readonly #stored = new Map<string, string>();
  #made: Promise<Map<string, string> | undefined> = Promise.resolve(undefined);

  /** @param tools null where there are none: then only that both files are there is looked at */
  constructor(tools: ClientTools | null, signal: AbortSignal) {
    this.#tools = tools;
    this.#signal = signal;
  }

  /** The artifact's own chunks. */
  passing({ kind, name }: Artifact, plain: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    if (kind === "schema") return this.#watch(plain);
    return kind === "schema-sql" ? this.#read(name, plain) : plain;
  }

  async *#watch(dump: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#tools === null) return yield* dump;
    const env = { PATH: process.env["PATH"] ?? "" };
    await using sql = new SchemaSql({ program: this.#tools.pgRestore, env, signal: this.#signal });
    const digests = sql.parts.map(async (part) => {
      const lines = new Lines();
      for await (const chunk of part.sql()) lines.push(chunk);
      return [part.name, lines.digest()] as const;
    });
    // pg_restore cannot make it: what was another's, or of a newer version.
    this.#made = Promise.all(digests).then(
      (all) => new Map(all),
      () => undefined,
    );
    yield* sql.watch(dump);
    await this.#made;
  }

  async *#read(name: string, plain: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const lines = new Lines();
    for await (const chunk of plain) {
      lines.push(chunk);
      yield chunk;
    }
    this.#stored.set(name, lines.digest());
  }

  /** To be asked when everything has been read: of what could not be, other findings tell. */
  async findings({ artifacts, software }: Manifest): Promise<DamageFinding[]> {
    const missing = schemaSqlNames.filter((name) => !artifacts.some((one) => one.name === name));
    const absent = missing.map((name) => damageAt("set", "schema-sql-missing", `The set has no ${name}`));
    if (this.#tools === null) return [...absent, warningAt("set", "schema-sql-unread", unread)];
    const [made, version] = [await this.#made, this.#tools.version];
    const other = version === software.pgDump ? undefined : `, as far as pg_restore ${version} can tell`;
    const tell = other === undefined ? damageAt : warningAt;
    return [
      ...absent,
      ...[...this.#stored].flatMap(([name, digest]) => {
        if (made === undefined || made.get(name) === digest) return [];
        return [tell(name, "schema-sql-differs", `It does not say what the schema's dump does${other ?? ""}`)];
      }),
    ];
  }
}

const unread = "The schema as SQL was not compared with the dump: there is no pg_restore of its version or newer here";

/** The time, and a key by chance that psql takes for commands. */
const passing = /^(?:-- (?:Started|Completed) on .*|\\(?:un)?restrict [A-Za-z0-9]+)$/;

/** The hash of a text's lines, without those that are others each time. Holds a line. */
class Lines {
  readonly #hash = createHash("sha256");
  #rest = Buffer.alloc(0);

  push(chunk: Uint8Array): void {
    const all = Buffer.concat([this.#rest, chunk]);
    const end = all.lastIndexOf(0x0a) + 1;
    this.#rest = all.subarray(end);
    for (const line of all.toString("latin1", 0, end).split("\n").slice(0, -1)) {
      if (!passing.test(line)) this.#hash.update(`${line}\n`, "latin1");
    }
  }

  digest(): string {
    return this.#hash.update(this.#rest).digest("hex");
  }
}
