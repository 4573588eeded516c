import { describeRows } from "./table/describe-rows.ts";
import { pullRequestRows } from "./table/pull-request-rows.ts";
import { PullRequests } from "./table/pull-request-scene.ts";

describeRows("whoever proposes a change:", pullRequestRows, () => PullRequests.open());
