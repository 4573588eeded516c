import { type AddressInfo, createServer, connect as openSocket, type Server, type Socket } from "node:net";
import pg from "pg";
import { LAB_PASSWORD } from "../connection.ts";
import { int32, message, readMessage as read } from "../servers/wire.ts";
import { admit } from "./inside.ts";
import type { Project } from "./project.ts";
import { settle, type World } from "./world.ts";

/** Where a project's database really is. */
export interface Behind {
  readonly host: string;
  readonly port: number;
  readonly database: string;
}

/**
 * A session pooler in front of the lab's databases: `postgres.<ref>` with the password that the world says, whatever the lab's is. It also
 * knows a project that is being restored, restrictions of the network and the breaker.
 * @param behind where a project's database is; undefined: nowhere yet
 */
export async function startPooler(
  world: World,
  behind: (ref: string) => Behind | undefined,
): Promise<{ readonly port: number; cut(ref: string): void } & AsyncDisposable> {
  const sockets = new Map<Socket, string>();
  const server: Server = createServer((socket) => {
    sockets.set(socket, "");
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    serve(world, behind, socket, (ref) => sockets.set(socket, ref)).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cut(ref) {
      for (const [socket, whose] of sockets) if (whose === ref) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.keys()) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const [sslRequest, gssRequest, cancelRequest] = [80_877_103, 80_877_104, 80_877_102];

async function serve(
  world: World,
  behind: (ref: string) => Behind | undefined,
  socket: Socket,
  known: (ref: string) => void,
): Promise<void> {
  let startup = await read(socket, 4, 0);
  for (let code = startup.readInt32BE(4); code === sslRequest || code === gssRequest; code = startup.readInt32BE(4)) {
    socket.write("N");
    startup = await read(socket, 4, 0);
  }
  if (startup.readInt32BE(4) === cancelRequest) return forwardCancel(startup, socket, behind, world);
  const words = startup.toString("utf8", 8).split("\0");
  const asked = new Map<string, string>();
  for (let at = 0; at + 1 < words.length && words[at] !== ""; at += 2) asked.set(words[at] ?? "", words[at + 1] ?? "");
  const [, role = "", ref = ""] = /^(.*)\.([^.]+)$/.exec(asked.get("user") ?? "") ?? [];
  await settle(world);
  const project = world.projects.get(ref);
  const place = behind(ref);
  if (project === undefined || place === undefined) return refuse(socket, "XX000", "Tenant or user not found");
  known(ref);
  socket.write(message("R", int32(3)));
  const given = (await read(socket, 5, 1)).toString("utf8", 5).replace(/\0$/, "");
  const [password, why] = passwordOf(world, project, role, given);
  if (why === "ECONNREFUSED") return void socket.destroy();
  if (why !== undefined) return refuse(socket, why === "ECIRCUITBREAKER" ? "XX000" : why, textOf[why] ?? why);
  const login = { ...place, user: role.startsWith("cli_login_") ? "postgres" : role, password };
  await join(socket, login, asked);
}

const textOf: Readonly<Record<string, string>> = {
  "57P03": "the database system is starting up",
  "28P01": "password authentication failed",
  ECIRCUITBREAKER: "(ECIRCUITBREAKER) too many authentication failures, new connections are temporarily blocked",
};

/** The lab's password of a role where the world's was given; else what was given, for the server to judge. */
function passwordOf(world: World, project: Project, role: string, given: string) {
  const { loginRole, database } = project;
  const short = loginRole !== undefined && role === loginRole.role && given === loginRole.password;
  const fits = short && world.clock.now() < (loginRole?.until ?? 0);
  const ours = role === "postgres" || role.startsWith("cli_login_");
  const why = admit(world, project, ours ? (fits ? database.password : given) : database.password);
  return [ours ? LAB_PASSWORD : given, why] as const;
}

/** Signs in to the lab's server, tells the client that it is in, and stays out of what both say from then on. */
async function join(
  socket: Socket,
  login: Behind & { user: string; password: string },
  asked: Map<string, string>,
): Promise<void> {
  const plain = new Set(["user", "database", "application_name", "options", "client_encoding"]);
  const settings = [...asked]
    .filter(([name]) => !plain.has(name))
    .map(([name, value]) => `-c ${name}=${value.replaceAll(/([\\ ])/g, "\\$1")}`);
  const client = new pg.Client({
    ...login,
    application_name: asked.get("application_name") ?? "",
    options: [asked.get("options"), ...settings].filter(Boolean).join(" "),
  });
  const inner = client as unknown as {
    readonly connection: {
      readonly stream: Socket;
      on(event: string, heard: (told: Record<string, string>) => void): void;
    };
    readonly processID: number;
    readonly secretKey: number;
  };
  client.on("error", () => socket.destroy());
  const parameters: Buffer[] = [];
  inner.connection.on("parameterStatus", ({ parameterName, parameterValue }) =>
    parameters.push(message("S", Buffer.from(`${parameterName}\0${parameterValue}\0`))),
  );
  try {
    await client.connect();
  } catch (error) {
    const code = error instanceof pg.DatabaseError ? (error.code ?? "08006") : "08006";
    return refuse(socket, code, "the database refuses the connection");
  }
  const { stream } = inner.connection;
  stream.removeAllListeners();
  stream.on("error", () => socket.destroy()).on("close", () => socket.destroy());
  socket.on("close", () => stream.destroy());
  const key = message("K", Buffer.concat([int32(inner.processID), int32(inner.secretKey)]));
  socket.write(Buffer.concat([message("R", int32(0)), ...parameters, key, message("Z", Buffer.from("I"))]));
  stream.pipe(socket);
  socket.pipe(stream);
}

/** Whose the session is cannot be told from a request to cancel: every server is asked, and only one knows the key. */
function forwardCancel(
  request: Buffer,
  socket: Socket,
  behind: (ref: string) => Behind | undefined,
  world: World,
): void {
  const ports = new Set([...world.projects.keys()].map((ref) => behind(ref)?.port));
  for (const port of ports) {
    if (port === undefined) continue;
    const server = openSocket(port, "127.0.0.1").on("error", () => undefined);
    server.end(request);
  }
  socket.end();
}

function refuse(socket: Socket, code: string, text: string): void {
  socket.end(message("E", Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${text}\0\0`)));
}
