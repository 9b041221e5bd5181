// The few things that pages cannot do alone: live views, progress, dark and light, the
// shell. Every page works without this file, but for the shell.
"use strict";

(() => {
  const root = document.documentElement;
  const KEY = "tokenless-theme";
  root.dataset.script = "";
  const chosen = localStorage.getItem(KEY);
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;

  const isDark = () =>
    root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;

  function theme() {
    const button = document.getElementById("theme");
    if (!button) return;
    button.hidden = false;
    button.setAttribute("aria-pressed", String(isDark()));
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      localStorage.setItem(KEY, root.dataset.theme);
      button.setAttribute("aria-pressed", String(isDark()));
    });
  }

  function progress() {
    const bar = document.getElementById("progress");
    if (!bar) return;
    document.addEventListener("submit", (event) => {
      // A file that is downloaded leaves its page as it is.
      const stays = event.target.hasAttribute("data-download");
      if (event.defaultPrevented || stays) return;
      bar.hidden = false;
      // A second click must not do it twice; the value of the first one is sent.
      setTimeout(() => {
        for (const each of event.target.querySelectorAll("button")) each.disabled = true;
      }, 0);
    });
    addEventListener("pageshow", () => {
      bar.hidden = true;
      for (const each of document.querySelectorAll("button:disabled")) {
        if (!each.hasAttribute("data-off")) each.disabled = false;
      }
    });
  }

  // Says whether the page follows the cluster; what is wrong stands at its top.
  function say(word) {
    const state = document.getElementById("live-state");
    const trouble = document.getElementById("live-trouble");
    const isOn = word === "on";
    if (state) state.textContent = isOn ? state.dataset.on : "";
    if (!trouble) return;
    trouble.hidden = isOn;
    trouble.textContent = isOn ? "" : trouble.dataset[word];
    trouble.dataset.state = word;
  }

  // A form in which something was typed or chosen stays as it is.
  function isEdited(part) {
    return Array.from(part.querySelectorAll("input, select, textarea")).some((each) => {
      if (each.tagName === "SELECT") {
        return Array.from(each.selectedOptions).some((one) => !one.defaultSelected);
      }
      const isBox = each.type === "checkbox" || each.type === "radio";
      return isBox
        ? each.checked !== each.defaultChecked
        : each.value !== each.defaultValue;
    });
  }

  // Parts of a page are replaced while somebody reads it.
  function replacing() {
    let places = [];
    let focused = -1;
    // By id: whether a person has opened a part, or closed it.
    const opened = new Map();
    document.addEventListener("click", (event) => {
      const summary = event.target.closest("summary");
      const part = summary && summary.parentElement;
      if (part && part.id) opened.set(part.id, !part.open);
    });
    const scrolls = () => Array.from(document.querySelectorAll(".scroll"));
    // A table that is wider than the page can be moved by keys.
    const reach = () => {
      for (const each of scrolls()) {
        if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
      }
    };
    reach();
    addEventListener("resize", reach);
    document.addEventListener("toggle", reach, true);
    const body = document.body;
    body.addEventListener("htmx:sendError", () => say("off"));
    body.addEventListener("htmx:responseError", () => say("failed"));
    body.addEventListener("htmx:afterRequest", (event) => {
      if (event.detail.successful) say("on");
    });
    body.addEventListener("htmx:beforeSwap", () => {
      places = scrolls().map((each) => each.scrollLeft);
      focused = scrolls().indexOf(document.activeElement);
    });
    body.addEventListener("htmx:oobBeforeSwap", (event) => {
      const old = event.detail.target;
      if (old.matches("form") && isEdited(old)) event.detail.shouldSwap = false;
    });
    body.addEventListener("htmx:afterSettle", () => {
      for (const [id, isOpen] of opened) {
        const part = document.getElementById(id);
        if (part) part.open = isOpen;
      }
      reach();
      for (const [at, each] of scrolls().entries()) {
        if (places[at]) each.scrollLeft = places[at];
        if (at === focused && document.activeElement === body) each.focus();
      }
    });
  }

  function live() {
    if (!document.querySelector("[data-live]")) return;
    let known = document.getElementById("live-state").dataset.known;
    const events = new EventSource("/live");
    events.addEventListener("open", () => say("on"));
    events.addEventListener("error", () => {
      say(events.readyState === EventSource.CLOSED ? "ended" : "off");
    });
    events.addEventListener("cluster", (event) => {
      if (known !== event.data) htmx.trigger(document.body, "cluster-changed");
      known = event.data;
    });
  }

  // A form whose work takes longer than a moment: how far it is, then where it leads.
  function work() {
    const section = document.getElementById("work");
    if (!section) return;
    const bar = document.getElementById("work-bar");
    const words = document.getElementById("work-words");
    const events = new EventSource(section.dataset.events);
    events.addEventListener("work", (event) => {
      const state = JSON.parse(event.data);
      bar.max = state.total;
      bar.value = state.done;
      if (!state.words) return;
      words.textContent = words.dataset.words
        .replace("{done}", state.done + 1)
        .replace("{total}", state.total)
        .replace("{words}", () => state.words);
    });
    const goOn = () => {
      events.close();
      location.replace(section.dataset.then);
    };
    events.addEventListener("over", goOn);
    events.addEventListener("error", () => {
      if (events.readyState === EventSource.CLOSED) goOn();
    });
  }

  function selection() {
    const boxes = (name) =>
      Array.from(document.querySelectorAll(`input[name="${name}"]`));
    // Ticked as long as every box is: rows come while the page is open.
    const show = () => {
      for (const all of document.querySelectorAll("[data-selects]")) {
        const those = boxes(all.dataset.selects);
        const ticked = those.filter((each) => each.checked).length;
        all.checked = ticked > 0 && ticked === those.length;
        all.indeterminate = ticked > 0 && ticked < those.length;
      }
    };
    document.addEventListener("change", (event) => {
      const name = event.target.dataset && event.target.dataset.selects;
      if (name) for (const each of boxes(name)) each.checked = event.target.checked;
      show();
    });
    document.body.addEventListener("htmx:afterSettle", show);
  }

  // Authentication strings as long as those that the cluster makes.
  function generate() {
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-fills]");
      if (!button) return;
      const field = document.getElementById(button.dataset.fills);
      const numbers = crypto.getRandomValues(new Uint32Array(6));
      field.value = Array.from(numbers, (each) => each % 10).join("");
      field.focus();
    });
  }

  function shell() {
    const form = document.getElementById("shell-form");
    if (!form) return;
    const screen = document.getElementById("screen");
    const input = form.elements.typed;
    const label = document.getElementById("prompt");
    const history = [];
    let place = 0;
    let mode = "line";
    const print = (text) => {
      screen.textContent += text;
      screen.scrollTop = screen.scrollHeight;
    };
    const ready = () => {
      mode = "line";
      label.textContent = "admin:";
      input.type = "text";
    };
    const node = form.dataset.node;
    const socket = new WebSocket(`wss://${location.host}/shell`);
    socket.addEventListener("open", () => {
      socket.send(JSON.stringify({ node }));
      input.disabled = false;
      input.focus();
    });
    socket.addEventListener("close", () => {
      print(`\n${form.dataset.closed}\n`);
      input.disabled = true;
    });
    socket.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      if ("say" in message) print(message.say);
      if ("ask" in message) {
        mode = "answer";
        const lines = message.ask.split("\n");
        const last = lines.pop();
        if (lines.length) print(`${lines.join("\n")}\n`);
        label.textContent = last;
        input.type = message.secret ? "password" : "text";
        input.disabled = false;
        input.focus();
      }
      if ("done" in message) {
        if (message.error) print(`${message.error}\n`);
        screen.dataset.done = String(Number(screen.dataset.done || 0) + 1);
        ready();
        input.disabled = false;
        input.focus();
      }
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const typed = input.value;
      input.value = "";
      print(`${label.textContent}${input.type === "password" ? "" : typed}\n`);
      if (mode === "line" && typed.trim()) {
        history.push(typed);
        place = history.length;
      }
      input.disabled = mode === "line";
      const key = mode === "line" ? "line" : "answer";
      mode = "busy";
      socket.send(JSON.stringify({ [key]: typed }));
    });
    input.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
      if (mode !== "line") return;
      place += event.key === "ArrowUp" ? -1 : 1;
      place = Math.max(0, Math.min(history.length, place));
      input.value = history[place] || "";
      event.preventDefault();
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    theme();
    progress();
    replacing();
    live();
    work();
    selection();
    generate();
    shell();
  });
})();
