// Keeps the page current: fetches what changes every second and a half and alters only what differs,
// so that focus, selection and scroll stay where they are.
"use strict";

(() => {
  const PAUSE_MS = 1500;
  const PATIENCE_MS = 5000;
  const live = document.getElementById("live");
  const pulse = document.getElementById("pulse");
  const lost = document.getElementById("lost");
  let timer = 0;
  let running = false;
  let heardAt = new Date();

  function alike(a, b) {
    return a.nodeType === b.nodeType && a.nodeName === b.nodeName;
  }

  function alterAttributes(here, there) {
    for (const { name } of [...here.attributes]) {
      if (!there.hasAttribute(name)) here.removeAttribute(name);
    }
    for (const { name, value } of there.attributes) {
      if (here.getAttribute(name) !== value) here.setAttribute(name, value);
    }
  }

  // Make `here` like `there`, touching nothing that is already so.
  function alter(here, there) {
    if (here.nodeType !== Node.ELEMENT_NODE) {
      if (here.nodeValue !== there.nodeValue) here.nodeValue = there.nodeValue;
      return;
    }
    alterAttributes(here, there);
    alterChildren(here, there);
  }

  // White space between elements differs by how a text was parsed, and means nothing.
  function children(node) {
    return [...node.childNodes].filter((child) => child.nodeType !== Node.TEXT_NODE || child.nodeValue.trim());
  }

  function alterChildren(here, there) {
    const present = children(here);
    const wanted = children(there);
    wanted.forEach((child, place) => {
      if (place >= present.length) here.append(child);
      else if (alike(present[place], child)) alter(present[place], child);
      else present[place].replaceWith(child);
    });
    present.slice(wanted.length).forEach((child) => child.remove());
  }

  function say(words, beating) {
    pulse.hidden = false;
    pulse.classList.toggle("beating", beating);
    if (pulse.textContent !== words) pulse.textContent = words;
  }

  function reached(text) {
    heardAt = new Date();
    lost.hidden = true;
    live.classList.remove("stale");
    const there = new DOMParser().parseFromString(text, "text/html").body;
    alterChildren(live, there);
    say("Live", true);
  }

  function unreached(why) {
    const words = `${why} What you see is from ${heardAt.toLocaleTimeString()}.`;
    if (lost.textContent !== words) lost.textContent = words;
    lost.hidden = false;
    live.classList.add("stale");
    say("Not live", false);
  }

  async function refresh() {
    const answer = await fetch(live.dataset.source, {
      cache: "no-store",
      credentials: "same-origin",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (answer.status === 401 || answer.status === 403) unreached("The box wants a key. Load the page anew.");
    else if (answer.status === 404) unreached("The box does not know this modem any more.");
    else if (!answer.ok) unreached("The box answers with an error.");
    else reached(await answer.text());
  }

  async function turn() {
    clearTimeout(timer);
    if (running || document.hidden) return;
    running = true;
    try {
      await refresh();
    } catch {
      unreached("The box does not answer.");
    } finally {
      running = false;
    }
    if (!document.hidden) timer = setTimeout(turn, PAUSE_MS);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) say("Paused", false);
    else turn();
  });
  say("Live", true);
  timer = setTimeout(turn, PAUSE_MS);
})();
