// Set-up speaks on stderr: stdout belongs to the command that follows.

/** @param {string} line */
export function say(line) {
  process.stderr.write(`set-up: ${line}\n`);
}

/** Ends set-up with one sentence that says what to do. */
export class SetupProblem extends Error {}
