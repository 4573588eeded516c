import { describeRows } from "./table/describe-rows.ts";
import { incidentRows } from "./table/incident-rows.ts";
import { IncidentScene } from "./table/incident-scene.ts";

describeRows("a vault in which somebody wants an incident to be over:", incidentRows, IncidentScene.open);
