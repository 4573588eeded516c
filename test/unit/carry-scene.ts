import { silentLog } from "../../actions/lib/base/log.ts";
import { Secret } from "../../actions/lib/config/problems.ts";
import { type Carrying, carryConfiguration, type Row } from "../../actions/lib/operations/configuration/carry.ts";
import { captureConfiguration } from "../../actions/lib/supabase/configuration/capture.ts";
import type { Configuration } from "../../actions/lib/supabase/configuration/document.ts";
import { openManagementApi } from "../../actions/lib/supabase/management-api.ts";
import { authFields, isAuthSecret } from "../lab/supabase-api/auth-fields.ts";
import {
  addProject,
  authSecret,
  configure,
  createWorld,
  ownerSecrets,
  transportTo,
  VirtualClock,
} from "../lab/supabase-api/index.ts";

/** A project that was lost, whose configuration is captured, and a new one that it is put back into. */
export class CarryScene {
  readonly world = createWorld({ clock: new VirtualClock() });
  readonly source = addProject(this.world, { name: "production" });
  readonly target = addProject(this.world, { name: "recovered" });
  /** The functions' bodies that captures have kept, by slug. */
  readonly kept = new Map<string, Uint8Array>();

  constructor() {
    configure(this.source, this.world.clock.now());
  }

  apiBy(token = this.world.tokens[0]?.value ?? "") {
    const { world } = this;
    return openManagementApi({
      ...{ url: "https://api.example", token: new Secret(token), transport: transportTo(world), clock: world.clock },
      spacing: 0,
    });
  }

  /** Of the lost project. */
  async capture(token?: string): Promise<Configuration> {
    const { signal } = new AbortController();
    return captureConfiguration({
      ...{ api: this.apiBy(token), ref: this.source.ref, readAt: new Date(this.world.clock.now()), signal },
      keepBody: async (slug, body) => {
        this.kept.set(slug, body);
        return `functions/${slug}`;
      },
    });
  }

  carry(configuration: Configuration, more: Partial<Carrying> = {}): Promise<Row[]> {
    return carryConfiguration({
      ...{ api: this.apiBy(), ref: this.target.ref, configuration, goLive: false, log: silentLog },
      bodyOf: async ({ slug }) => this.kept.get(slug),
      ...more,
    });
  }

  /** The requests so far that have changed something. */
  writes(): string[] {
    return this.world.requests.filter((request) => !request.startsWith("GET "));
  }
}

/** Everything that the owner of the lost project may have put into escrow. */
export const everything = () =>
  new Map<string, string>([
    ...Object.entries(ownerSecrets).map(([name, value]) => [`secret:${name}`, value] as const),
    ...[...authFields.keys()].filter(isAuthSecret).map((field) => [`auth:${field}`, authSecret(field)] as const),
  ]);

export const outcomeOf = (rows: readonly Row[], section: string, field: string) =>
  rows.find((row) => row.section === section && row.field === field);
