import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { motoFolder } from "../../../scripts/setup/moto.mjs";
import { startGuardian } from "./guardian.ts";

/** A folder with the program `aws`, for PATH. */
export interface RunningAwsCli {
  readonly folder: string;
  stop(): Promise<void>;
}

// Holds the AWS CLI with everything that it imports, and forks for each call: half a second of CPU less than a start.
const server = `
import json, os, signal, socket, sys, traceback
sys.path.insert(0, sys.argv[1])
import awscli.clidriver
awscli.clidriver.create_clidriver()
own = {"AWS_DATA_PATH": os.environ["AWS_DATA_PATH"]}
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[2])
listener.listen(64)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(sys.executable, flush=True)
while True:
    connection, _ = listener.accept()
    if os.fork() > 0:
        connection.close()
        continue
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    listener.close()
    message, fds, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    while not message.endswith(b"\\n"):
        message += connection.recv(1 << 20)
    call = json.loads(message)
    for place, fd in enumerate(fds):
        os.dup2(fd, place)
    os.chdir(call["cwd"])
    os.environ.clear()
    os.environ.update(call["env"] | own)
    sys.argv = ["aws", *call["argv"]]
    code = 255
    try:
        code = awscli.clidriver.main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 120
    connection.sendall(bytes([code & 255]))
    os._exit(0)
`;

const client = `
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect(sys.argv[1])
call = {"argv": sys.argv[2:], "cwd": os.getcwd(), "env": dict(os.environ)}
socket.send_fds(server, [json.dumps(call).encode() + b"\\n"], [0, 1, 2])
sys.exit((server.recv(1) or b"\\xff")[0])
`;

/**
 * The pinned AWS CLI itself, its own code with the caller's arguments, environment, folder and streams, without its start:
 * who follows RECOVER.md calls it once for each object.
 */
export async function startAwsCli(): Promise<RunningAwsCli> {
  const guardian = startGuardian("aws-cli");
  const { folder } = guardian;
  const socket = join(folder, "socket");
  const env = { PATH: process.env["PATH"], HOME: folder, PYTHONDONTWRITEBYTECODE: "1" };
  const started = spawn("python3", ["-c", server, motoFolder(), socket], {
    ...{ cwd: folder, detached: true, env, stdio: ["ignore", "pipe", "inherit"] },
  });
  guardian.watch(started.pid ?? 0, "KILL");
  const [said] = await Promise.race([once(started.stdout, "data"), once(started, "exit").then(() => [null])]);
  if (said === null) {
    await guardian.finish();
    throw new Error("The AWS CLI did not start.");
  }
  started.unref();
  started.stdout.destroy();
  writeFileSync(join(folder, "client.py"), client);
  const program = join(folder, "aws");
  writeFileSync(program, `#!/bin/sh\nexec '${String(said).trim()}' -I -S '${folder}/client.py' '${socket}' "$@"\n`);
  chmodSync(program, 0o755);
  return { folder, stop: () => guardian.finish() };
}
