import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Stop } from "../../actions/lib/base/flow/bounded.ts";
import { inGrowingLanes, LaneCount } from "../../actions/lib/base/flow/growing-lanes.ts";

describe("how many lanes there are", () => {
  /** Lets it look so often at a rate that hangs on the lanes. */
  const settle = (count: LaneCount, rate: (lanes: number) => number, looks = 20, probe?: () => number) => {
    const seen = [count.lanes];
    for (let look = 0; look < looks; look++) {
      count.measured(rate(count.lanes), probe?.());
      seen.push(count.lanes);
    }
    return seen;
  };

  test("begins with two and grows as long as each brings a tenth more", () => {
    expect(settle(new LaneCount(4), (lanes) => lanes * 25).slice(0, 4)).toEqual([2, 3, 4, 4]);
    expect(settle(new LaneCount(8), (lanes) => Math.min(lanes, 5) * 25).at(-1)).toBe(5);
    expect(settle(new LaneCount(8), () => 100).at(-1)).toBe(2);
    expect(settle(new LaneCount(1), () => 100).at(-1)).toBe(1);
  });

  test("one slow look alone does not stop it", () => {
    let look = 0;
    expect(settle(new LaneCount(6), (lanes) => (look++ === 2 ? 10 : lanes * 25)).at(-1)).toBe(6);
  });

  test("gives one back when it is refused, and does not ask again at once", () => {
    const count = new LaneCount(6);
    settle(count, (lanes) => lanes * 25, 2);
    expect(count.lanes).toBe(4);
    count.refused();
    expect(settle(count, (lanes) => lanes * 25, 100).at(-1)).toBe(3);
    count.refused();
    count.refused();
    count.refused();
    expect(count.lanes).toBe(1);
  });

  test("gives one back when a small question takes twice as long as before, but not for this machine's own jitter", () => {
    const crowded = new LaneCount(6);
    settle(
      crowded,
      (lanes) => lanes * 25,
      20,
      () => 30 + (crowded.lanes > 3 ? 60 : 0),
    );
    expect(crowded.lanes).toBe(3);
    const jitter = new LaneCount(6);
    let look = 0;
    settle(
      jitter,
      (lanes) => lanes * 25,
      20,
      () => (look++ % 3 === 0 ? 2 : 90),
    );
    expect(jitter.lanes).toBe(6);
    const near = new LaneCount(6);
    settle(
      near,
      (lanes) => lanes * 25,
      20,
      () => near.lanes * 4,
    );
    expect(near.lanes).toBe(6);
  });

  test("tries one more again after two calm minutes", () => {
    const count = new LaneCount(4);
    settle(count, () => 100, 20);
    expect(count.lanes).toBe(2);
    expect(Math.max(...settle(count, (lanes) => lanes * 50, 300))).toBe(3);
  });
});

describe("work in growing lanes", () => {
  const lanes = {
    most: 4,
    open: async () => ({}),
    close: async () => {},
    isFull: (error: unknown) => error === "full",
    isLost: (error: unknown) => error === "lost",
    done: () => 0,
    probe: () => undefined,
  };
  const items = Array.from({ length: 9 }, (_, item) => item);

  test("does every item once, on as many lanes as bring more", async () => {
    const done: number[] = [];
    let [open, most, bytes] = [0, 0, 0];
    await inGrowingLanes(new Stop(), [...items, ...items, ...items], {
      ...lanes,
      open: async () => {
        most = Math.max(most, ++open);
        return {};
      },
      close: async () => void --open,
      done: () => bytes,
      async work(item) {
        for (let part = 0; part < 25; part++) {
          await delay(20);
          bytes += 1000;
        }
        done.push(item);
      },
    });
    expect(done.toSorted((a, b) => a - b)).toEqual(items.flatMap((item) => [item, item, item]));
    expect({ open, most }).toEqual({ open: 0, most: 4 });
  });

  test("goes on with what it has when no more can be opened, and with one alone", async () => {
    for (const places of [2, 1]) {
      let [open, most, done] = [0, 0, 0];
      await inGrowingLanes(new Stop(), items, {
        ...lanes,
        async open() {
          if (open === places) throw "full";
          most = Math.max(most, ++open);
          await delay(1);
          return {};
        },
        close: async () => void --open,
        work: async () => {
          await delay(5);
          done += 1;
        },
      });
      expect({ open, most, done }).toEqual({ open: 0, most: places, done: 9 });
    }
    const none = { ...lanes, open: () => Promise.reject("full"), work: async () => {} };
    await expect(inGrowingLanes(new Stop(), items, none)).rejects.toBe("full");
  });

  test("an item whose tool broke is done again with another, four times at most; any other failure ends all", async () => {
    const tried: [number, number][] = [];
    let opened = 0;
    const work = async (item: number, _: unknown, attempt: number) => {
      tried.push([item, attempt]);
      if (item === 3 && attempt < 4) throw "lost";
    };
    const open = async () => ({ number: ++opened });
    await inGrowingLanes(new Stop(), items, { ...lanes, open, work });
    expect(tried.filter(([item]) => item === 3).map(([, attempt]) => attempt)).toEqual([1, 2, 3, 4]);
    expect(tried).toHaveLength(12);
    expect(opened).toBe(5);
    const always = async (item: number) => {
      if (item === 3) throw "lost";
    };
    await expect(inGrowingLanes(new Stop(), items, { ...lanes, work: always })).rejects.toBe("lost");
    let ended = 0;
    const failing = async (item: number) => {
      await delay(10);
      if (item === 2) throw new Error("otherwise");
      ended += 1;
    };
    await expect(inGrowingLanes(new Stop(), items, { ...lanes, work: failing })).rejects.toThrow("otherwise");
    expect(ended).toBeLessThan(4);
  });
});
