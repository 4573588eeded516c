import type { Client } from "pg";
import { sqlState } from "../../base/errors.ts";
import { isPlatformOwner } from "../../postgres/platform-owned.ts";

/** In pg_temp: found by that name only, and nobody else's. */
const scratch = "pg_temp.lifeboat_words";

const mark = String.raw`('(?:[^']|'')*')::([\w" .]+?)`;
const cycleMarks = new RegExp(`( TO )${mark}( DEFAULT )${mark}(?= USING )`, "g");

/** PostgreSQL prints the marks of a CYCLE clause as it does not read them: there, 'y'::text has to be text 'y'. Pure. */
export function withReadableCycles(statement: string): string {
  return statement.replaceAll(cycleMarks, "$1$3 $2$4$6 $5");
}

/**
 * Has the server read definitions and print them, in one transaction that is rolled back. Making a view, a domain, a rule
 * or a function analyses its text and runs nothing of it: expressions are only folded and executed when a query is planned.
 * Each text is sent as one statement of the extended protocol, so it cannot be two. Only within `askEach`.
 */
export class PrintAgain {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** @returns what `work` returns, or undefined where the server, or what would fire there, lets nothing be made */
  static async during<T>(client: Client, work: (print: PrintAgain) => Promise<T>): Promise<T | undefined> {
    try {
      return (await prepare(client)) ? await work(new PrintAgain(client)) : undefined;
    } finally {
      await client.query("rollback");
    }
  }

  /** @param from the FROM clause whose columns the expression speaks of, or "" */
  expression(text: string, from: string): Promise<string | undefined> {
    // Any expression may stand there, a row and one of a type that no column can have included.
    return this.query(`select 1 as e ${from} where (${text}\n) is not null`);
  }

  query(text: string): Promise<string | undefined> {
    return this.#print(
      [`create temporary view lifeboat_words as ${withReadableCycles(text)}`],
      `select pg_get_viewdef('${scratch}'::regclass) as text`,
    );
  }

  /** A check of a domain over `base`: an expression that says VALUE. */
  domainCheck(text: string, base: string): Promise<string | undefined> {
    return this.#print(
      [`create domain ${scratch} as ${base} constraint c check (${text}\n)`],
      `select pg_get_constraintdef(oid) as text from pg_constraint where contypid = '${scratch}'::regtype`,
    );
  }

  /** CREATE FUNCTION or PROCEDURE: what comes before its schema and after it. A body calls its arguments by its name. */
  routine(before: string, after: string): Promise<string | undefined> {
    return this.#print(
      [`${before}pg_temp.${after}`],
      "select pg_get_functiondef(oid) as text from pg_proc where pronamespace = pg_my_temp_schema()",
    );
  }

  /** CREATE RULE: what comes before the relation's name and after it. */
  rule(before: string, after: string, relation: string): Promise<string | undefined> {
    return this.#print(
      // A view can have any rule, and has the columns of the relation without anything that hangs on them.
      [`create temporary view lifeboat_words as select * from ${relation}`, `${before}${scratch}${after}`],
      `select pg_get_ruledef(oid) as text from pg_rewrite
        where ev_class = '${scratch}'::regclass and rulename <> '_RETURN'`,
    );
  }

  /** Does `work` after statements that are undone with it; undefined where the role may not run them. */
  async after<T>(statements: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      await this.#client.query(statements);
    } catch (error) {
      await this.#client.query("rollback to savepoint lifeboat_words");
      if (!isOfTheText(error)) throw error;
      return undefined;
    }
    await this.#client.query("savepoint lifeboat_words");
    try {
      return await work();
    } finally {
      await this.#client.query("release savepoint lifeboat_words; rollback to savepoint lifeboat_words");
    }
  }

  /** The name that the server gives an ICU locale. */
  icuLocale(locale: string): Promise<string | undefined> {
    return this.#print(
      [`create collation ${scratch} (provider = icu, locale = '${locale.replaceAll("'", "''")}')`],
      `select coalesce(to_jsonb(c)->>'colllocale', to_jsonb(c)->>'colliculocale') as text from pg_collation c
        where collname = 'lifeboat_words' and collnamespace = pg_my_temp_schema()`,
    );
  }

  /**
   * All of it is sent at once, so that others may be printed behind it.
   * @throws what says nothing of the text: a lock that did not come, a full disk, a cut connection
   */
  async #print(create: readonly string[], show: string): Promise<string | undefined> {
    const made = create.map((text) => {
      const statement = { text, queryMode: "extended" };
      return this.#client.query(statement);
    });
    const shown = this.#client.query<{ text: unknown }>(show);
    const undone = this.#client.query("rollback to savepoint lifeboat_words");
    const answers = await Promise.allSettled([...made, shown, undone]);
    const failed = answers.find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") {
      if (answers.indexOf(failed) >= made.length || !isOfTheText(failed.reason)) throw failed.reason;
      return undefined;
    }
    const text = (await shown).rows[0]?.text;
    return typeof text === "string" ? text : undefined;
  }
}

/** Classes of SQLSTATE by which a server refuses a statement for what it says. */
const ofTheText = new Set(["0A", "21", "22", "2F", "42", "54"]);

const isOfTheText = (error: unknown): boolean => ofTheText.has(sqlState(error).slice(0, 2));

/**
 * Event triggers would fire at what is made here, and may do what no rollback takes back. None fires in replica mode, which
 * not every role may ask for, but those that always do.
 */
async function prepare(client: Client): Promise<boolean> {
  const tried = async (statement: string, undo: string): Promise<boolean> => {
    try {
      await client.query(statement);
      return true;
    } catch (error) {
      if (sqlState(error) === "none") throw error;
      await client.query(undo);
      return false;
    }
  };
  // A role that only reads has read-only transactions unless it asks; a standby has no others.
  if (!(await tried("begin read write", "rollback"))) return false;
  const set = async (setting: string): Promise<boolean> => {
    await client.query("savepoint lifeboat_words");
    return tried(`set local ${setting}`, "rollback to savepoint lifeboat_words");
  };
  const quiet = await set("session_replication_role = replica");
  if (!(await set("event_triggers = off")) && (await isHeard(client, quiet))) return false;
  await client.query("set local check_function_bodies = off; savepoint lifeboat_words");
  return tried("create temporary view lifeboat_writable as select 1 as one", "rollback to savepoint lifeboat_words");
}

const made = [
  ...["COLLATION", "DOMAIN", "FUNCTION", "PROCEDURE", "RULE", "VIEW"].map((kind) => `CREATE ${kind}`),
  "ALTER ROUTINE",
];

/** Whether a user's event trigger fires. The platform's own tell its servers that the schema changed, which it has not. */
async function isHeard(client: Client, quiet: boolean): Promise<boolean> {
  const answer = await client.query<{ owner: string }>(
    `select pg_get_userbyid(p.proowner) as owner
       from pg_event_trigger t join pg_proc p on p.oid = t.evtfoid
      where t.evtevent in ('ddl_command_start', 'ddl_command_end') and t.evtenabled = any ($1)
        and (t.evttags is null or t.evttags && $2)`,
    [quiet ? ["A", "R"] : ["A", "O"], made],
  );
  return answer.rows.some(({ owner }) => !isPlatformOwner(owner));
}
