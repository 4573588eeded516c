import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { onInterrupt } from "../actions/lib/base/flow/stages.ts";
import { reportError } from "../actions/lib/edge/error-report.ts";
import { playCost } from "./demo/cost/play-cost.ts";
import { disasters, playDisaster } from "./demo/disaster/play-disaster.ts";
import { leaveRunning } from "./demo/leave-running.ts";
import { play } from "./demo/play.ts";
import { playSevenYears } from "./demo/seven-years/play-seven-years.ts";
import { chosenLinks, playSilence } from "./demo/silence/play-silence.ts";
import { parseSize } from "./demo/size.ts";
import { setStage } from "./demo/stage.ts";

/**
 * `npm run demo [-- --keep] [--size 20MB]`: loses a project and gets it back. `-- --seven-years`: what a vault keeps of seven years.
 * `-- --cost`: what they cost. `-- --disaster SCENARIO`: a recovery on its clock. `-- --silence`: what is noticed when a link between a fault and people is cut.
 */
const usage = `npm run demo [-- --keep] [-- --size 20MB] [-- --report demo-report]
  --keep           leave the restored project and the vault running, and say how to reach them
  --size SIZE      about how large the lost database is, 1MB to 10GB (default: 20MB)
  --seven-years    instead: seven years of a vault, what is kept of them and why, as a picture; the last sets as real objects
  --cost           instead: what seven years of the policy's copies cost, beside full copies, as a page and a picture; some seconds
  --disaster NAME  instead: ${disasters.join(", ")}: lost, and recovered on its clock, with a Supabase that is simulated
  --pace N         of it: how many times as fast as the real one it makes projects, 1 to 200 (default: 10)
  --silence        instead: the links between a fault and people, cut one at a time, and what turns red; about four minutes
  --only TEXT      of it: only the links that have this in their name, e.g. "mail server"
  --report FOLDER  where the pages of the run reports go; what is in it goes (default: demo-report)`;

const { values } = parseArgs({
  options: {
    keep: { type: "boolean" },
    "seven-years": { type: "boolean", default: false },
    cost: { type: "boolean", default: false },
    disaster: { type: "string" },
    silence: { type: "boolean", default: false },
    only: { type: "string" },
    pace: { type: "string", default: "10" },
    size: { type: "string", default: "20MB" },
    report: { type: "string", default: "demo-report" },
    help: { type: "boolean", short: "h" },
  },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const bytes = parseSize(values.size);
if (bytes === undefined) {
  console.error(`--size ${values.size} is not a size.\n${usage}`);
  process.exit(2);
}
const pace = Number(values.pace);
if (!(pace >= 1 && pace <= 200)) {
  console.error(`--pace ${values.pace} is not a number from 1 to 200.\n${usage}`);
  process.exit(2);
}
const disaster = disasters.find((name) => name === values.disaster);
if (values.disaster !== undefined && disaster === undefined) {
  const page = "runbooks/recover-minor-corruption.md";
  console.error(
    values.disaster === "minor-corruption"
      ? `minor-corruption is a part of the demo itself: npm run demo. See ${page}.`
      : `--disaster ${values.disaster} is not one of ${disasters.join(", ")}.\n${usage}`,
  );
  process.exit(2);
}
if ([values["seven-years"], values.cost, values.disaster !== undefined, values.silence].filter(Boolean).length > 1) {
  console.error(`--seven-years, --cost, --disaster and --silence are four demos: choose one.\n${usage}`);
  process.exit(2);
}
if (values.only !== undefined && !values.silence) {
  console.error(`--only goes with --silence.\n${usage}`);
  process.exit(2);
}
const chosen = chosenLinks(values.only);
if (chosen.length === 0) {
  const names = chosenLinks().map(({ cut }) => `\n  ${cut}`);
  console.error(`No link has "${values.only}" in its name. The links:${names.join("")}`);
  process.exit(2);
}

using interrupt = onInterrupt();
const endings: (() => Promise<void>)[] = [];
const interrupted = new Promise<never>((_, reject) => {
  interrupt.signal.addEventListener("abort", () => reject(interrupt.signal.reason));
});
interrupted.catch(() => {});

let code = 1;
let kept = false;
const work = (async () => {
  if (values["seven-years"]) {
    const { agreed, lines } = await playSevenYears(
      (ending) => endings.push(ending),
      resolve(values.report),
      interrupt.signal,
    );
    return { proven: agreed, lines };
  }
  if (values.cost) return playCost(resolve(values.report));
  const opened = (ending: () => Promise<void>): void => void endings.push(ending);
  if (values.silence) return playSilence(chosen, opened, resolve(values.report), interrupt.signal);
  if (disaster !== undefined)
    return playDisaster({ disaster, bytes, pace }, opened, resolve(values.report), interrupt.signal);
  const stage = await setStage((ending) => endings.push(ending));
  const outcome = await play(stage, bytes, resolve(values.report), interrupt.signal);
  if (values.keep) {
    leaveRunning(stage, outcome);
    kept = true;
  }
  return outcome;
})();
try {
  const outcome = await Promise.race([work, interrupted]);
  for (const line of outcome.lines) console.log(line);
  code = outcome.proven ? 0 : 1;
} catch (error) {
  if (interrupt.signal.aborted) {
    console.error("\ninterrupted: stopping the servers and removing what was made");
    // What is under way puts its own things in order, when that does not take long.
    await Promise.race([work.catch(() => {}), sleep(3000)]);
    code = 130;
  } else {
    const { message, next } = reportError(error);
    console.error(`error: ${message}\nnext:  ${next}`);
    if (process.env["LIFEBOAT_DEBUG"]) console.error(error);
  }
}
if (!kept) {
  // Without its servers whatever still works ends as well; only then goes the folder that it writes to, the first made.
  const [removeFolder, ...servers] = endings;
  await Promise.all(servers.map((end) => end()));
  await Promise.race([work.catch(() => {}), sleep(5000)]);
  await removeFolder?.();
}
process.exit(code);
