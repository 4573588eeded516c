import {
  addProject,
  createWorld,
  type Inside,
  lookInside,
  transportTo,
  VirtualClock,
} from "../lab/supabase-api/index.ts";

const second = 1000;

/** A simulated Supabase with one project that goes back to a moment, without a socket and with a clock of its own. */
export class PlayedApi {
  readonly clock = new VirtualClock();
  readonly world;
  readonly project;

  constructor(seed = 1) {
    this.world = createWorld({ clock: this.clock, seed });
    this.world.limit = 10_000;
    this.project = addProject(this.world);
    this.project.addons = { ...this.project.addons, compute: "ci_small", pitr: "pitr_7" };
  }

  /** @param path `~` stands for the project's */
  async ask(method: string, path: string, body?: object, token = this.world.tokens[0]?.value) {
    const place = path.replace("~", `/v1/projects/${this.project.ref}`);
    const answer = await transportTo(this.world)(`https://api.lab${place}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      text,
      headers: answer.headers,
      json: /^[[{]/.test(text) ? JSON.parse(text) : undefined,
    };
  }

  async status(ref = this.project.ref): Promise<string> {
    return (await this.ask("GET", `/v1/projects/${ref}`)).json?.status;
  }

  /** Infinite where an hour was not enough. */
  async secondsUntil(wanted: string, ref = this.project.ref): Promise<number> {
    const since = this.clock.now();
    while ((await this.status(ref)) !== wanted) {
      if (this.clock.now() - since > 3_600_000) return Number.POSITIVE_INFINITY;
      await this.clock.sleep(second);
    }
    return (this.clock.now() - since) / second;
  }

  /** What a session of the project's database sees. */
  async inside(password = this.project.password): Promise<Inside> {
    const seen = await lookInside(this.world, this.project.ref, password);
    if (typeof seen === "string") throw new Error(seen);
    return seen;
  }

  restore(moment: number) {
    const target = { recovery_time_target_unix: Math.floor(moment / second) };
    return this.ask("POST", "~/database/backups/restore-pitr", target);
  }

  /** Asks until the bound has passed the moment. */
  async restoreWhenTaken(moment: number) {
    for (;;) {
      const answer = await this.restore(moment);
      if (answer.status === 201) return answer;
      await this.clock.sleep(10 * second);
    }
  }
}
