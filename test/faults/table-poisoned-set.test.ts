import { describeRows } from "./table/describe-rows.ts";
import { poisonedSetRows } from "./table/poisoned-set-rows.ts";
import { PoisonedSets } from "./table/poisoned-set-scene.ts";
import { shareOf } from "./table/share.ts";

describeRows("whoever reads a set of which something was exchanged:", shareOf(poisonedSetRows), () =>
  PoisonedSets.open(),
);
