// @ts-nocheck Runs in the reader's browser, as it stands here: Node's types do not know the page.
(() => {
  const { body, documentElement } = document;
  const made = Date.parse(body.dataset.made);
  const until = Date.parse(body.dataset.until);
  const nextDue = Date.parse(body.dataset.next);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const minute = 60_000;
  /** Clocks that differ by less count as the same. */
  const tolerance = 5 * minute;

  /** What the server's clock said last, and when, by a clock that nobody sets. */
  let server;
  let notice = "";

  const serverNow = () => server && server.at + performance.now() - server.heard;

  /** The later of the clocks: nothing may look younger than it is. */
  const clock = () => Math.max(Date.now(), made, serverNow() ?? 0);

  const span = (millis) => {
    const minutes = Math.floor(Math.abs(millis) / minute);
    if (minutes < 1) return "less than a minute";
    if (minutes < 60) return `${minutes} min`;
    const hours = Math.floor(minutes / 60);
    if (hours < 72) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
    return `${Math.floor(hours / 24)} days`;
  };
  const relative = (at, now) => (at > now ? `in ${span(at - now)}` : `${span(now - at)} ago`);
  const utc = (at) => `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;

  const localTime = new Intl.DateTimeFormat("en-GB", {
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    timeZoneName: "short",
  });
  const isUtc = (at) => new Date(at).getTimezoneOffset() === 0;

  /** Words only where they change: a screen reader reads out what is written again. */
  const write = (element, text) => {
    if (element !== null && element.textContent !== text) element.textContent = text;
  };

  const setLevel = (element, level) => {
    if (element.dataset.level === level) return;
    element.dataset.level = level;
    element.querySelector(".icon use")?.setAttribute("href", `#i-${level}`);
  };

  const writeTimes = (now, blind) => {
    for (const time of all("time")) {
      const at = Date.parse(time.dateTime);
      let beside = time.nextElementSibling;
      if (!beside?.matches(".ago")) {
        beside = document.createElement("span");
        beside.className = "ago";
        time.after(beside);
      }
      const local = "local" in time.dataset && !isUtc(at) ? `${localTime.format(at)}, ` : "";
      write(beside, blind ? "" : ` (${local}${relative(at, now)})`);
    }
    if (blind) return;
    for (const loss of all("[data-grows]")) write(loss, span(now - Date.parse(loss.dataset.grows)));
  };

  /** What nobody has looked at again in time is critical. @returns how many, the silenced left out */
  const turnOverdue = (now) => {
    let overdue = 0;
    for (const item of all("[data-due]")) {
      if (now <= Date.parse(item.dataset.due)) continue;
      const silenced = item.dataset.level === "silenced";
      if (!silenced) overdue++;
      if (item.dataset.overdue || silenced) continue;
      item.dataset.overdue = "yes";
      setLevel(item, "critical");
      write(item.querySelector(".word"), "overdue");
      const due = item.querySelector(".due");
      if (due !== null) due.firstChild.textContent = "No news. This was valid until ";
      // What was well stands among the open alerts from now on.
      if (item.closest(".well") !== null) byId("open").append(item);
    }
    const none = byId("no-alerts");
    if (none !== null && byId("open").children.length > 0) none.hidden = true;
    return overdue;
  };

  const clockProblem = () => {
    const real = serverNow();
    const away = Math.round((Date.now() - (real ?? Date.now())) / minute) * minute;
    if (Math.abs(away) > tolerance)
      return {
        text: `This device's clock is ${span(away)} ${away > 0 ? "ahead of" : "behind"} the server's. This page goes by the later of the two. Correct the one that is wrong.`,
        blind: false,
      };
    if (real === undefined && Date.now() < made - tolerance)
      return {
        text: `This device's clock says ${utc(Date.now())}, which is before this page was made. It cannot say how old anything is. Correct the clock.`,
        blind: true,
      };
    return undefined;
  };

  const answer = byId("answer");
  const said = answer.querySelector(".said span");
  const first = { level: answer.dataset.level, words: said.dataset.live };
  const others = all("[data-live]").filter((element) => element !== said);
  const words = others.map((element) => ({ element, now: element.dataset.live, still: element.textContent }));

  const judge = () => {
    const now = clock();
    const problem = clockProblem();
    const blind = problem?.blind === true;
    const late = now > until;
    writeTimes(now, blind);
    const overdue = turnOverdue(now);
    const notes = [problem?.text, notice].filter(Boolean).join(" ");
    write(byId("clock"), notes);
    byId("clock").hidden = notes === "";
    documentElement.classList.toggle("stale", late || blind);
    if (late) {
      setLevel(answer, "critical");
      write(said, `No news since ${utc(made)}`);
    } else if (blind) {
      setLevel(answer, "critical");
      write(said, "Not known: this device's clock is wrong");
    } else if (overdue > 0) {
      setLevel(answer, "critical");
      write(said, `${overdue === 1 ? "Something is" : `${overdue} things are`} overdue`);
    } else {
      setLevel(answer, first.level);
      write(said, first.words);
    }
    const next = byId("next").firstChild;
    next.textContent = now > nextDue ? "Next news was expected by " : "Next news is expected by ";
    byId("until").firstChild.textContent = late ? "This page turned red at " : "Without news this page turns red at ";
    // When nobody updates the page, its words say again of when they are.
    for (const { element, now, still } of words) write(element, late || blind ? still : now);
    documentElement.classList.add("live");
  };

  /** What nobody updates must not look alive because the script fails: it looks as without one then. */
  const run = () => {
    try {
      judge();
    } catch (error) {
      documentElement.classList.remove("live");
      throw error;
    }
  };

  const reloadOnce = (news) => {
    try {
      if (sessionStorage.getItem("lifeboat-news") === news) return false;
      sessionStorage.setItem("lifeboat-news", news);
    } catch {
      return false;
    }
    location.reload();
    return true;
  };

  /** Asks the page's own server for the time and for news. */
  const ask = async () => {
    try {
      const reply = await fetch("status.json", { cache: "no-store", credentials: "same-origin" });
      const at = Date.parse(reply.headers.get("date") ?? "");
      if (Number.isFinite(at)) server = { at, heard: performance.now() };
      const news = reply.ok ? (await reply.json())?.madeAt : undefined;
      if (typeof news === "string" && Date.parse(news) > made && !reloadOnce(news))
        notice = `There is newer news, of ${utc(Date.parse(news))}. Reload this page.`;
    } catch {
      // No news is no harm: the page turns red by the clock.
    }
    run();
  };

  run();
  setInterval(run, 30_000);
  document.addEventListener("visibilitychange", run);
  if (/^https?:$/.test(location.protocol)) {
    ask();
    setInterval(ask, 5 * minute);
  }
})();
