// The few things that pages cannot do alone: live views, progress, dark and light, the
// shell. Every page works without this file, but for the shell.
"use strict";

(() => {
  const root = document.documentElement;
  const KEY = "tokenless-theme";
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
      if (event.defaultPrevented || event.target.method === "dialog") return;
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

  function live() {
    if (!document.querySelector("[data-live]")) return;
    const state = document.getElementById("live-state");
    const show = (word) => {
      if (!state) return;
      state.textContent = state.dataset[word];
      state.dataset.state = word;
    };
    let known = null;
    const events = new EventSource("/live");
    events.addEventListener("open", () => show("on"));
    events.addEventListener("error", () => {
      show(events.readyState === EventSource.CLOSED ? "ended" : "off");
    });
    events.addEventListener("cluster", (event) => {
      if (known !== null && known !== event.data) {
        htmx.trigger(document.body, "cluster-changed");
      }
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
    document.addEventListener("change", (event) => {
      const name = event.target.dataset && event.target.dataset.selects;
      if (!name) return;
      for (const each of document.querySelectorAll(`input[name="${name}"]`)) {
        each.checked = event.target.checked;
      }
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
    live();
    work();
    selection();
    shell();
  });
})();
