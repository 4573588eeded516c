import { describeRows } from "./table/describe-rows.ts";
import { hostileSourceRows } from "./table/hostile-source-rows.ts";
import { HostileSourceScene } from "./table/hostile-source-scene.ts";

for (const major of [17, 15] as const) {
  describeRows(`a source whose functions mean to do more, on ${major}:`, hostileSourceRows, () =>
    HostileSourceScene.open(hostileSourceRows, major),
  );
}
