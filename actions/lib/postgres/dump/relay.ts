import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { Client, Connection, Submittable } from "pg";
import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { Conversation, type Foresight, message, pieces } from "./conversation.ts";

/** A way to the server for one pg_dump, which asks its questions of us. Disposing it hangs up on pg_dump, not on the server. */
export interface DumpRelay extends AsyncDisposable {
  /** What pg_dump needs to come here, in the place of what leads to the server. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * pg_dump asks of each function, sequence, type and view by itself and waits for each answer: over a long way it spends nearly all of its
 * time so. The relay has its questions answered in advance, in the session that pg_dump itself speaks in, under its snapshot and
 * settings; what was not foreseen goes to the server as it is. So pg_dump gets the answers that it would have got.
 *
 * @param client a session of its own; of no use to anybody else any more, and to be ended by its owner
 * @param folder that only we may enter: who reaches the socket in it speaks as the session's role
 * @throws ConfigurationError `tmpdir-too-long`
 */
export async function openRelay(client: Client, folder: string, foresight: Foresight): Promise<DumpRelay> {
  const socket = join(folder, `.s.PGSQL.${port}`);
  if (Buffer.byteLength(socket) > longestPath)
    throw new ConfigurationError(
      "tmpdir-too-long",
      `The path of the folder for temporary files is too long for a socket in it: ${folder}.`,
      "Set TMPDIR to a shorter one.",
    );
  const greeting = await greetingOf(client);
  const conversation = new Conversation(await takeOver(client), foresight);
  const server = createServer();
  const listening = once(server, "listening");
  server.listen(socket);
  await listening;
  const serving = serveOne(server, conversation, greeting);
  return {
    // libpq takes a folder for the host of a socket.
    env: { PGHOST: folder, PGPORT: String(port), PGSSLMODE: "disable" },
    async [Symbol.asyncDispose]() {
      conversation.end();
      if (server.listening) server.close();
      await serving;
    },
  };
}

const port = 5432;
/** Of a socket's address, on Linux 107 bytes and on macOS 103 (unix(7), unix(4)). */
const longestPath = 103;

/** What libpq, or pg_dump by libpq, looks at of what a server says of itself (PostgreSQL's manual, "ParameterStatus"). */
const told = [
  ...["server_version", "server_encoding", "client_encoding", "application_name", "is_superuser"],
  ...["session_authorization", "DateStyle", "IntervalStyle", "TimeZone", "integer_datetimes"],
  ...["standard_conforming_strings", "default_transaction_read_only"],
];

/** What the server would say to pg_dump, whose dump is written in the database's own encoding. */
async function greetingOf(client: Client): Promise<Buffer> {
  const { rows } = await client.query(
    `select name, case name when 'client_encoding' then current_setting('server_encoding') else current_setting(name) end as value
       from unnest($1::text[]) name`,
    [told],
  );
  await client.query("select set_config('client_encoding', current_setting('server_encoding'), false)");
  const settings = z.array(z.object({ name: z.string(), value: z.string() })).parse(rows);
  return Buffer.concat([
    message("R", Buffer.alloc(4)), // nobody else can come here: no password
    ...settings.map(({ name, value }) => message("S", Buffer.from(`${name}\0${value}\0`))),
    message("Z", Buffer.from("I")),
  ]);
}

/** The session's connection, of which the driver hears nothing any more. */
async function takeOver(client: Client): Promise<Connection> {
  const taken = Promise.withResolvers<Connection>();
  const query: Submittable = {
    submit(connection: Connection) {
      connection.stream.removeAllListeners("data");
      taken.resolve(connection);
    },
  };
  // For the driver it is a query without an end; a connection that breaks is told by its closing.
  client.query(Object.assign(query, { handleError: taken.reject, handleReadyForQuery: () => {} }));
  return taken.promise;
}

/** Answers one visitor, until he leaves or the server does. */
async function serveOne(server: Server, conversation: Conversation, greeting: Buffer): Promise<void> {
  const visitor = await Promise.race([once(server, "connection"), once(server, "close")]);
  const [local] = visitor as [Socket?];
  if (local === undefined) return;
  server.close();
  local.on("error", () => {}); // he has gone
  conversation.onEnd(() => local.destroy());
  try {
    for await (const { type, body } of pieces(local)) {
      if (type === "startup") local.write(greeting);
      else if (type === "Q") await conversation.ask(body.toString("latin1", 0, body.length - 1), local);
      else break; // he says goodbye, or something that pg_dump does not say: it finds the connection closed
    }
  } catch {
    // The way to him, or to the server, broke off: pg_dump tells what came of it.
  } finally {
    local.destroy();
  }
}
