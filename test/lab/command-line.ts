import { runCommandLine } from "../../actions/lib/edge/command.ts";

/** What a command said, and its exit code. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let last: Promise<unknown> = Promise.resolve();

/**
 * A command of the command line, through its own edge but within this process: starting Node and loading what a command needs takes
 * several times the CPU of most commands. What is promised of the process itself (signals, memory, stdin, that it ends) needs one.
 * One at a time: the AWS SDK reads its credentials from the process's environment, which is the command's meanwhile.
 */
export function lifeboat(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  const ended = last.then(() => run(args, env));
  last = ended;
  return ended;
}

async function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  const said = { stdout: "", stderr: "" };
  const stream = (name: keyof typeof said) => ({
    write(text: string) {
      said[name] += text;
    },
  });
  const before = swapped(env);
  try {
    const code = await runCommandLine(args, {
      env: { LIFEBOAT_REASON: "a test", ...env },
      stdout: stream("stdout"),
      stderr: stream("stderr"),
    });
    return { code, ...said };
  } finally {
    swapped(before);
  }
}

/** Puts these settings of AWS into the process's environment in the place of its own. @returns its own */
function swapped(settings: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  const isAws = ([name]: readonly [string, unknown]) => name.startsWith("AWS_");
  const before = Object.entries(process.env).filter(isAws);
  for (const [name] of before) delete process.env[name];
  for (const [name, value] of Object.entries(settings).filter(isAws)) process.env[name] = value;
  return Object.fromEntries(before);
}
