import type { EscrowMeddler, EscrowRow } from "./meddled-escrow-scene.ts";
import type { Holder } from "./row.ts";

const row = (
  kind: string,
  inject: (meddler: EscrowMeddler) => Promise<void>,
  holder: Holder = "writes the bucket",
): EscrowRow => ({ stage: "escrow", kind, holder, outcome: "damage named", inject });

const bodyOf = async ({ vault }: EscrowMeddler, key: string): Promise<Buffer> =>
  Buffer.from((await vault.get(key)).body);

/** An entry of ours with something in it exchanged, over what it was, under its own signature. */
async function exchange(of: EscrowMeddler, change: (text: string) => string): Promise<void> {
  await of.put(of.newest, Buffer.from(change((await bodyOf(of, of.newest)).toString("utf8"))));
}

export const meddledEscrowRows: readonly EscrowRow[] = [
  row("a newer entry that nobody signed", async (of) => of.lay(await of.forged(), undefined)),
  row("a newer entry that a stranger signed", async (of) => of.lay(await of.forged(), of.byStranger)),
  row(
    "a newer entry that a job's key signed",
    async (of) => of.lay(await of.forged(), of.byJob),
    "holds the signing key",
  ),
  row("an older entry of ours under a newer name", async (of) => {
    const later = "escrow/20991231T235959Z-1a2b3c4d.json";
    await of.put(`${later}.sig`, await bodyOf(of, `${of.older}.sig`));
    await of.put(later, await bodyOf(of, of.older));
  }),
  row("an older entry of ours over the newest", async (of) => {
    await of.put(`${of.newest}.sig`, await bodyOf(of, `${of.older}.sig`));
    await of.put(of.newest, await bodyOf(of, of.older));
  }),
  row("another value of ours in the place of one", (of) =>
    exchange(of, (text) => text.replace("signing-key", "secret:STRIPE_KEY")),
  ),
  row("the newest hidden", ({ hide, newest }) => hide(newest)),
  row("the newest's signature hidden", ({ hide, newest }) => hide(`${newest}.sig`)),
  row("all of it hidden", ({ hideAll }) => hideAll("escrow/")),
  row("the newest replaced by noise", ({ replace, newest }) => replace(newest)),
  row("the newest's signature replaced by another entry's", async (of) =>
    of.put(`${of.newest}.sig`, await bodyOf(of, `${of.other}.sig`)),
  ),
  row("an entry of a megabyte", ({ put }) =>
    put("escrow/20991231T235959Z-1a2b3c4d.json", Buffer.alloc(1024 * 1024, "x")),
  ),
  row("an entry in a folder of its own", async ({ put }) =>
    put("escrow/x/20991231T235959Z-1a2b3c4d.json", Buffer.from("{}")),
  ),
  row("keys twice, the second one false", async (of) => {
    const text = (await bodyOf(of, of.newest)).toString("utf8");
    await of.put(of.newest, Buffer.from(text.replace("{", '{ "name": "other:x",')));
  }),
];
