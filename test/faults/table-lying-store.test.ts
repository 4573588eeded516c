import { describeRows } from "./table/describe-rows.ts";
import { lyingStoreRows } from "./table/lying-store-rows.ts";
import { LyingStore } from "./table/lying-store-scene.ts";
import { shareOf } from "./table/share.ts";

describeRows("somebody who answers in the store's place:", shareOf(lyingStoreRows), LyingStore.open);
