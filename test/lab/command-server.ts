import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { lifeboat } from "./command-line.ts";

const root = new URL("../..", import.meta.url).pathname;
const program = join(root, "scripts/lifeboat.mjs");

/** Shell scripts run `npx lifeboat` within this process; a command that reads from a pipe, or runs elsewhere, has one of its own. */
export interface CommandServer extends AsyncDisposable {
  /** To be put before a script for bash. */
  readonly npx: string;
}

export async function startCommands(): Promise<CommandServer> {
  const server = createServer(async (socket) => {
    for await (const place of createInterface(socket)) {
      const parts = async (name: string) => (await readFile(join(place, name), "utf8")).split("\0").slice(0, -1);
      const env = (await parts("env")).map((line) => [
        line.slice(0, line.indexOf("=")),
        line.slice(line.indexOf("=") + 1),
      ]);
      const { code, stdout, stderr } = await lifeboat(await parts("arguments"), Object.fromEntries(env));
      await Promise.all([writeFile(join(place, "stdout"), stdout), writeFile(join(place, "stderr"), stderr)]);
      socket.end(`${code}\n`);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return {
    npx: `
exec </dev/null
npx() {
  shift
  if [ "$PWD/" != "${root}" ] || ! [ /dev/stdin -ef /dev/null ]; then
    "${process.execPath}" "${program}" "$@"
    return
  fi
  local place code
  place=$(mktemp -d)
  env -0 >"$place/env"
  printf '%s\\0' "$@" >"$place/arguments"
  exec 9<>/dev/tcp/127.0.0.1/${port}
  echo "$place" >&9
  read -r code <&9
  exec 9>&-
  cat "$place/stderr" >&2
  cat "$place/stdout"
  rm -r "$place"
  return "$code"
}
`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
