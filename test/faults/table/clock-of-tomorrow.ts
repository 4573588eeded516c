/** Loaded into a process before everything else: its clock is wrong by LAB_CLOCK_HOURS. */
const shift = Number(process.env["LAB_CLOCK_HOURS"] ?? "24") * 3_600_000;
const RealDate = Date;

class ShiftedDate extends RealDate {
  constructor(...given: unknown[]) {
    if (given.length === 0) super(RealDate.now() + shift);
    else super(...(given as [number]));
  }
  static override now(): number {
    return RealDate.now() + shift;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;
