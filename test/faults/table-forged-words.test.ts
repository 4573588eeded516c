import { describeRows } from "./table/describe-rows.ts";
import { forgedWordsRows } from "./table/forged-words-rows.ts";
import { ForgedWords } from "./table/forged-words-scene.ts";

describeRows("a vault in which somebody puts words into our mouth:", forgedWordsRows, ForgedWords.open);
