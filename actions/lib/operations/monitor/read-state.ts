import { type MonitorState, parseState, statePath } from "../../policy/monitor/state.ts";
import type { Tree } from "../../report/branch/fold-runs.ts";

interface ReadState {
  /** Undefined: there is none that counts. */
  readonly state: MonitorState | undefined;
  /** What is wrong with it, for people. */
  readonly problem?: string;
}

/** What the monitor kept on the branch. */
export function stateOf(tree: Tree): ReadState {
  if (!tree.paths.includes(statePath)) return { state: undefined };
  return read(tree.read(statePath));
}

function read(text: string): ReadState {
  const state = parseState(text);
  return state === undefined
    ? {
        state,
        problem: `${statePath} is damaged or of another version: nothing counts as told, and its history is gone.`,
      }
    : { state };
}
