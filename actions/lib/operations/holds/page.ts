import { countOf } from "../../base/measures.ts";
import type { HoldsChecked } from "../../vault/holds/check.ts";
import type { Hold, HoldRegister } from "../../vault/holds/register.ts";
import type { Told } from "../operation.ts";

/** The register as a page, oldest first. Words that nobody trusted has signed are not repeated. */
export function reportHolds(register: HoldRegister, checked: HoldsChecked | undefined): Told {
  const active = register.holds.filter(({ ended }) => ended === null);
  const over = register.holds.filter(({ ended }) => ended === "over");
  const alarms = checked?.alarms ?? register.alarms;
  const looked = checked === undefined ? "" : ` ${countOf(checked.asked, "object version")} looked at.`;
  const held = `${active.length === 0 ? "Nothing" : countOf(active.length, "hold")}${active.length === 0 ? " is held" : ""}`;
  const done = {
    result: {
      holds: register.holds,
      unreadable: register.unreadable,
      everything: register.everything,
      ...(checked && { asked: checked.asked }),
      alarms,
    },
    page: {
      title: "Holds",
      sentence: `${register.everything === null ? held : `Everything counts as held: ${register.everything}`}.${looked}`,
      tables: [{ header: ["set", "what", "since", "until", "by", "reason"], rows: active.map(rowOf) }],
      notes: [
        ...alarms,
        ...over.map(
          ({ subject, until }) =>
            `The hold on ${subject.set} has ended on ${until?.slice(0, 10)}; the store's legal hold stays until \`lifeboat release ${subject.set}\` lifts it.`,
        ),
      ],
    },
  };
  if (alarms.length === 0) return done;
  return {
    ...done,
    failure: {
      code: "hold-broken",
      message: alarms.join(" "),
      next: "Retention keeps what the register holds. Find out who can write to the vault and did: runbooks/holds.md.",
    },
  };
}

function rowOf({ subject, at, until, signed, by, reason }: Hold): string[] {
  const what = subject.kind === "files" ? "files" : `${subject.tier} set${subject.files === null ? "" : " and files"}`;
  const words = signed ? [by, reason] : ["?", "not signed by a trusted key"];
  return [subject.set, what, at.slice(0, 10), until?.slice(0, 10) ?? "released", ...words];
}
